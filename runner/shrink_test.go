package runner_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

func TestShrunk_NamesBothNumbers(t *testing.T) {
	const full = `{"format":"pg_dump","tables":12,"rows":50000}`
	for name, tt := range map[string]struct {
		was, is     string
		rawWas, raw int64
		want        []string
	}{
		"everything gone":            {full, `{"format":"pg_dump"}`, 9 << 20, 1 << 10, []string{"12 tables before, 0 now", "50,000 rows before, 0 now", "9.0 MiB before, 1.0 KiB now"}},
		"less than a tenth":          {full, `{"format":"pg_dump","tables":12,"rows":4999}`, 100, 90, []string{"50,000 rows before, 4,999 now"}},
		"a tenth is not far less":    {full, `{"format":"pg_dump","tables":12,"rows":5000}`, 100, 10, nil},
		"more than before":           {full, `{"format":"pg_dump","tables":13,"rows":60000}`, 100, 120, nil},
		"nothing before":             {`{"format":"pg_dump"}`, `{"format":"pg_dump"}`, 0, 0, nil},
		"keys":                       {`{"format":"rdb","entries":70}`, `{"format":"rdb"}`, 100, 50, []string{"70 keys before, 0 now"}},
		"documents":                  {`{"format":"mongodump","rows":70}`, `{"format":"mongodump","rows":6}`, 100, 50, []string{"70 documents before, 6 now"}},
		"files":                      {`{"format":"tar","entries":3000}`, `{"format":"tar","entries":1}`, 100, 50, []string{"3,000 entries before, 1 now"}},
		"bytes alone":                {`{"format":"bytes"}`, `{"format":"bytes"}`, 2048, 100, []string{"2.0 KiB before, 100 B now"}},
		"another strategy, no word":  {full, `{"format":"tar","entries":1}`, 9 << 20, 10, nil},
		"an unreadable one, no word": {`{`, full, 9 << 20, 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := runner.ShrunkBetween(tt.was, tt.is, tt.rawWas, tt.raw)
			if len(tt.want) == 0 {
				if got != "" {
					t.Errorf("warns: %s", got)
				}
				return
			}
			if !runner.Shrunk(got) {
				t.Errorf("%q is not known as such a warning", got)
			}
			for _, want := range append(tt.want, "--run before1") {
				if !strings.Contains(got, want) {
					t.Errorf("%q does not say %q", got, want)
				}
			}
			if strings.Count(got, " before, ") != len(tt.want) {
				t.Errorf("%q says more than %q", got, tt.want)
			}
		})
	}
}

func TestRun_ABackupOfNearlyNothingIsWarnedOfAndNotedInTheRestorePlan(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(5000, map[string]string{"retries": "0"})
	a.start()
	good := a.succeeded(a.run("db"))
	if slices.ContainsFunc(good.Warnings, runner.Shrunk) {
		t.Fatalf("the first one is warned of: %q", good.Warnings)
	}
	c.Exec(t, "psql", "-U", "postgres", "-d", "postgres", "-qc", "drop database shop with (force)")
	for range 2 { // the second empty one is no better than the first
		empty := a.succeeded(a.run("db"))
		at := slices.IndexFunc(empty.Warnings, runner.Shrunk)
		if at < 0 || !strings.Contains(empty.Warnings[at], "rows before, 0 now") || !strings.Contains(empty.Warnings[at], good.ID) {
			t.Fatalf("warnings are %q", empty.Warnings)
		}
		for _, from := range []string{"", "local"} {
			plan, err := a.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "db", From: from, RunID: empty.ID})
			a.must(err)
			if len(plan.Notes) == 0 || !strings.Contains(plan.Notes[0], "rows before, 0 now") {
				t.Errorf("from %q: the plan's notes are %q", from, plan.Notes)
			}
		}
	}
	plan, err := a.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "db", RunID: good.ID})
	a.must(err)
	for _, note := range plan.Notes {
		if strings.Contains(note, "far less") {
			t.Errorf("the full backup's plan has the note %q", note)
		}
	}
}

// forgetAll starts again with an empty record that owns the folder on the local target, as on a rebuilt host.
func (a *appliance) forgetAll() {
	a.t.Helper()
	a.stop()
	files, err := filepath.Glob(filepath.Join(a.dir, "simpledeploy.db*"))
	a.must(err)
	for _, f := range files {
		a.must(os.Remove(f))
	}
	a.start()
	a.declared("db")
	a.must(a.runner.Adopt(a.t.Context(), "local"))
}

// On a rebuilt host the record remembers nothing: the target's own manifests tell.
func TestRestorePlan_FromATargetComparesWithTheBackupBeforeItThere(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(5000, map[string]string{"retries": "0"})
	a.start()
	a.succeeded(a.run("db"))
	c.Exec(t, "psql", "-U", "postgres", "-d", "postgres", "-qc", "drop database shop with (force)")
	a.forgetAll()
	empty := a.succeeded(a.run("db"))
	if slices.ContainsFunc(empty.Warnings, runner.Shrunk) {
		t.Fatalf("without a record there is nothing to compare with: %q", empty.Warnings)
	}
	plan, err := a.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "db", From: "local", RunID: empty.ID})
	a.must(err)
	if len(plan.Notes) == 0 || !strings.Contains(plan.Notes[0], "rows before, 0 now") {
		t.Errorf("the plan's notes are %q", plan.Notes)
	}
}

func TestHealth_AnOverdueJobNamesItsAgeAndTheNextStep(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		row  store.Job
		want []string
	}{
		"old":     {store.Job{ID: "shop/db/default", LastSuccess: now.Add(-30 * time.Hour)}, []string{"rpo of 26h:", "taken 30 h ago", "history shop/db/default", "run shop/db/default"}},
		"never":   {store.Job{ID: "shop/db/default"}, []string{"never had one", "run shop/db/default"}},
		"refused": {store.Job{ID: "shop/db/default", Refused: true}, []string{"simpledeploy-backup plan"}},
		"future":  {store.Job{ID: "shop/db/default", LastSuccess: now.Add(time.Hour)}, []string{"dated in the future: 2026-11-21T13:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runner.WhyOverdue(tt.row, 26*time.Hour, now)
			for _, want := range append(tt.want, "job shop/db/default has no good backup within its rpo") {
				if !strings.Contains(got, want) {
					t.Errorf("%q does not say %q", got, want)
				}
			}
		})
	}
}

func TestExactly_LeavesOutUnitsThatAreZero(t *testing.T) {
	for d, want := range map[time.Duration]string{
		2 * time.Minute: "2m", 10 * time.Minute: "10m", 26 * time.Hour: "26h", 90 * time.Minute: "1h30m", 20 * time.Second: "20s",
		10*time.Minute + 10*time.Second: "10m10s", 20*time.Hour + 10*time.Second: "20h0m10s",
	} {
		if got := runner.Exactly(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
