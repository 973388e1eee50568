package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
)

func TestOutcome_IsTheWorstOfAllRuns(t *testing.T) {
	run := func(state string) status.Run {
		return status.Run{Project: "shop", Service: "db", Job: "default", State: state}
	}
	tests := map[string]struct {
		runs []status.Run
		want int
	}{
		"nothing to do":       {nil, exitOK},
		"all good":            {[]status.Run{run("succeeded"), run("succeeded")}, exitOK},
		"one partial":         {[]status.Run{run("succeeded"), run("partial")}, exitProblems},
		"failed then partial": {[]status.Run{run("failed"), run("partial")}, exitFailed},
		"partial then failed": {[]status.Run{run("partial"), run("failed")}, exitFailed},
		"skipped":             {[]status.Run{run("skipped")}, exitFailed},
		"interrupted":         {[]status.Run{run("interrupted")}, exitFailed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := exitOK
			var exit *exitError
			if errors.As(outcome(tt.runs, false), &exit) {
				got = exit.code
			}
			if got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPrintRuns_ShowsCauseAndHolders(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	err := p.printRuns([]status.Run{{
		ID: "r1", Project: "shop", Service: "db", Job: "default", State: "partial", Cause: "target", Trigger: "schedule",
		DurationMS: 1500, StoredBytes: 1 << 20,
		Artifacts: []status.Artifact{{Target: "local", State: "present"}, {Target: "offsite", State: "due"}},
	}, {
		ID: "r0", Project: "shop", Service: "db", Job: "default", State: "succeeded", Trigger: "manual", Pinned: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := "RUN JOB STATE TRIGGER QUEUED TOOK STORED HELD BY " +
		"r1 shop/db/default partial (target) schedule - 1.5s 1.0 MiB local, offsite (due) " +
		"r0 shop/db/default succeeded, pinned manual - - - -"
	if diff := cmp.Diff(want, flat(out.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTable_LetsNoNameMoveTheCursor(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out)
	table.row("a\x1b[2Jb\rc\u009bd", "e\nf")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSuffix(out.String(), "\n"); strings.ContainsAny(got, "\x1b\r\u009b\n") {
		t.Errorf("%q reaches the terminal", got)
	}
}

func TestConfirm_TakesOnlyAYes(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yesterday\n": false, "": false, "y": true} {
		p := &program{in: strings.NewReader(answer), err: &bytes.Buffer{}}
		if got := p.confirm("Restore now?") == nil; got != want {
			t.Errorf("answer %q: %v, want %v", answer, got, want)
		}
	}
}

func TestPrintRestored_EndsWithProblemsWhenTheCountsDiffer(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	err := p.printRestored(status.Restore{
		State: "failed", Error: "the backup was restored, but a count differs", ToProject: "shop", ToService: "db", Run: "r1", DurationMS: 90_000, SafetyRun: "r2",
		Proof: json.RawMessage(`{"format":"pg_dump","tables":2,"rows":10}`), Differences: []string{"table t: 9 rows instead of 10"},
	}, false)
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitProblems {
		t.Errorf("error is %v, want exit code %d", err, exitProblems)
	}
	for _, part := range []string{"restored, but", "shop/db from run r1 in 1m30s", "2 tables, 10 rows", "restore shop/db --run r2", "9 rows instead of 10"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is missing in:\n%s", part, out.String())
		}
	}
}

func TestMoment_SaysItsZoneAndIsReadBack(t *testing.T) {
	was := time.Local
	defer func() { time.Local = was }()
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = zone
		at := time.Date(2026, 11, 20, 18, 0, 5, 0, time.UTC)
		short, _ := at.In(zone).Zone()
		if got := moment(at); !strings.HasSuffix(got, " "+short) {
			t.Errorf("%s: %q does not name the zone %s", name, got, short)
		}
		if got, err := parseTime(moment(at)); err != nil || !got.Equal(at) {
			t.Errorf("%s: %q is read back as %v, %v", name, moment(at), got, err)
		}
		if got, err := parseTime("2026-11-20 18:00 ACST"); err == nil {
			t.Errorf("%s: a zone of elsewhere is taken for %v", name, got)
		}
	}
}

func TestParseTime_TakesLocalTimesInTheZoneOfTheProcess(t *testing.T) {
	got, err := parseTime("2026-11-20 18:00")
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 20, 18, 0, 0, 0, time.Local); !got.Equal(want) {
		t.Errorf("parseTime = %v, want %v", got, want)
	}
}
