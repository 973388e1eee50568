package runner

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/retention"
	"github.com/simpledeploy/backup/store"
)

// backups are succeeded runs, newest first, a day apart, with one artifact on target "far" in the given state.
func backups(now time.Time, states ...string) []store.Run {
	var runs []store.Run
	for i, state := range states {
		id := fmt.Sprintf("run%d", i)
		runs = append(runs, store.Run{
			ID: id, State: store.Succeeded, Trigger: "schedule", StartedAt: now.Add(-time.Duration(i) * 24 * time.Hour),
			Artifacts: []store.Artifact{{RunID: id, Target: "far", State: state}},
		})
	}
	return runs
}

func removed(ds []pruneDecision) []string {
	var out []string
	for _, d := range ds {
		if !d.keep {
			out = append(out, d.run.ID)
		}
	}
	return out
}

func TestDecide_CopiesThatAreDueNeverPushOutWhatIsHeld(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	runs := backups(now, store.Due, store.Due, store.Due, store.Present, store.Present, store.Present)
	got := removed(decide(runs, "far", retention.Policy{Last: 2}, now, time.UTC, false))
	if diff := cmp.Diff([]string{"run5"}, got); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestDecide_PartialBackupsCountWhereTheyAreHeldAndTheLastGoodStays(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	runs := backups(now, store.Present, store.Present, store.Present, store.Present, store.Present, store.Present)
	for i := range 4 {
		runs[i].State = store.Partial
	}
	got := removed(decide(runs, "far", retention.Policy{Last: 3}, now, time.UTC, false))
	if diff := cmp.Diff([]string{"run3", "run5"}, got); diff != "" { // run4 is the last good one
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	runs[0].State = store.Succeeded
	got = removed(decide(runs, "far", retention.Policy{Last: 3}, now, time.UTC, false))
	if diff := cmp.Diff([]string{"run3", "run4", "run5"}, got); diff != "" { // the partial ones are not swept away
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestDecide_SafetyBackupsGoByAgeAndTakeNoPlace(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	var states []string
	for range 20 {
		states = append(states, store.Present)
	}
	runs := backups(now, states...)
	for i := range runs {
		if i%2 == 0 {
			runs[i].Trigger = triggerSafety
		}
	}
	got := removed(decide(runs, "far", retention.Policy{Last: 3}, now, time.UTC, false))
	want := []string{"run14", "run16", "run18", "run7", "run9", "run11", "run13", "run15", "run17", "run19"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestDecide_TheOnlyBackupStaysHoweverOldASafetyBackupIs(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	runs := backups(now.Add(-365*24*time.Hour), store.Present)
	runs[0].Trigger = triggerSafety
	if got := removed(decide(runs, "far", retention.Policy{Last: 1}, now, time.UTC, false)); len(got) > 0 {
		t.Errorf("removed %v", got)
	}
}
