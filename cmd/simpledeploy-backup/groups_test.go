package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func TestGroupOutcome_AMemberWithoutARunFailsTheCommand(t *testing.T) {
	for state, want := range map[string]int{"succeeded": exitOK, "partial": exitOK, "failed": exitFailed, "interrupted": exitFailed, "skipped": exitFailed} {
		for _, quiet := range []bool{false, true} {
			got := exitOK
			err := groupOutcome([]status.GroupRun{{Group: "nightly", Project: "shop", State: "succeeded"}, {Group: "weekly", Project: "shop", State: state, Error: "shop/x is refused"}}, quiet)
			if exit, ok := errors.AsType[*exitError](err); ok {
				got = exit.code
			}
			if got != want {
				t.Errorf("%s, quiet %t: exit code %d, want %d", state, quiet, got, want)
			}
			if want == exitFailed && !quiet && !strings.Contains(err.Error(), "group weekly of shop: "+state+": shop/x is refused") {
				t.Errorf("%s: %v", state, err)
			}
		}
	}
}

func TestPrintGroups_NamesEveryMemberAndHowItEnded(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	err := p.printGroups([]status.GroupRun{{
		ID: "g1", Project: "shop", Group: "nightly", State: "failed", Cause: "refused", Trigger: "schedule", DurationMS: 90_000, HeldMS: 4_000,
		StoredBytes: 1 << 20, Refused: []string{"shop/cache/default"},
		Runs: []status.Run{{Service: "app", Job: "default", State: "succeeded"}, {Service: "db", Job: "default", State: "partial"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := "GROUP RUN GROUP STATE TRIGGER QUEUED TOOK HELD STORED MEMBERS " +
		"g1 shop/nightly failed (refused) schedule - 1m30s 4s 1.0 MiB app/default, db/default (partial), cache/default (refused)"
	if diff := cmp.Diff(want, flat(out.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestPrintRuns_NamesTheGroupRunWhereThereIsOne(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	runs := []status.Run{{ID: "r1", Project: "shop", Service: "db", Job: "default", State: "succeeded", Trigger: "schedule", GroupRun: "g1"}}
	if err := p.printRuns(runs); err != nil {
		t.Fatal(err)
	}
	if got := flat(out.String()); !strings.Contains(got, "HELD BY GROUP RUN") || !strings.HasSuffix(got, "g1") {
		t.Errorf("got %q", got)
	}
}

func TestRestore_GroupAcceptsOnlyWhatMakesSense(t *testing.T) {
	shop, db := selector{project: "shop"}, selector{project: "shop", service: "db"}
	for name, c := range map[string]struct {
		what  selector
		flags restoreFlags
		want  string
	}{
		"a whole group":              {shop, restoreFlags{group: "g", to: "staging", incomplete: true, noSafety: true}, ""},
		"from a target":              {shop, restoreFlags{group: "g", from: "offsite", instance: "old"}, ""},
		"one service without":        {db, restoreFlags{run: "r"}, ""},
		"a service":                  {db, restoreFlags{group: "g"}, "name the project alone"},
		"a run too":                  {shop, restoreFlags{group: "g", run: "r"}, "--group goes with"},
		"to standard output":         {shop, restoreFlags{group: "g", stdout: true}, "--group goes with"},
		"into a service":             {shop, restoreFlags{group: "g", to: "staging/db"}, "names a PROJECT"},
		"an instance without target": {shop, restoreFlags{group: "g", instance: "old"}, "--instance needs --from"},
		"incomplete without a group": {db, restoreFlags{incomplete: true}, "--incomplete is for --group"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.flags.checkGroup(c.what)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPrintGroupRestorePlan_SaysWhatItLacksAndStops(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	err := p.printGroupRestorePlan(runner.GroupRestorePlan{
		GroupRun: "g1", Group: "nightly", Project: "shop", TakenAt: time.Now().Add(-time.Hour),
		Members: []runner.RestorePlan{{RunID: "r1", Target: "local", From: "shop/app/default", To: "shop/app", Strategy: "volume", RawBytes: 1 << 20, Notes: []string{"another image"}}},
		Lacks:   []string{"shop/db/default (its run is failed)"}, Stops: []string{"shop-app-1", "shop-web-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"g1 of the group nightly of shop", "shop/app/default into shop/app, volume, 1.0 MiB raw, run r1 on local", "shop/app: another image",
		"LACKS", "shop/db/default (its run is failed)", "NONE: what is there now", "shop-app-1, shop-web-1",
	} {
		if !strings.Contains(flat(out.String()), part) {
			t.Errorf("%q is missing in:\n%s", part, out.String())
		}
	}
}

func TestPrintGroupRestored_TellsEveryPartAndTheWayBack(t *testing.T) {
	r := status.Restore{
		ID: "w", State: "succeeded", ToProject: "shop", GroupRun: "g1", SafetyRun: "g2", DurationMS: 90_000,
		Parts: []status.Restore{{ID: "p1", ToProject: "shop", ToService: "app", State: "succeeded", Run: "r1", SafetyRun: "r9"}},
	}
	for state, wanted := range map[string]bool{"succeeded": true, "failed": false} {
		var out bytes.Buffer
		p := &program{out: &out}
		r.State, r.Error = state, "restore shop/db: no"
		err := p.printGroupRestored(r, false)
		if (err == nil) != wanted || err != nil && !strings.Contains(err.Error(), "restore shop/db: no") {
			t.Errorf("%s: %v", state, err)
		}
		if got := flat(out.String()); !strings.Contains(got, "p1 shop/app succeeded r1") || wanted != strings.Contains(got, "restore shop --group g2") {
			t.Errorf("%s: %q", state, got)
		}
		if err := p.printGroupRestored(r, true); (err == nil) != wanted {
			t.Errorf("%s with JSON: %v", state, err)
		}
	}
}

func TestSafetyText_TellsAWishFromNothingToSave(t *testing.T) {
	for _, c := range []struct {
		saved, nothingHere bool
		want               string
	}{
		{true, false, "backed up first, as one"}, {false, true, "none: nothing is there"}, {false, false, "NONE: what is there now is replaced for good"},
	} {
		if got := safetyText(c.saved, c.nothingHere, ", as one restore point"); !strings.Contains(got, c.want) {
			t.Errorf("saved %v, nothing here %v: %q", c.saved, c.nothingHere, got)
		}
	}
}
