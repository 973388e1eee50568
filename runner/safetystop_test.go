package runner_test

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// diary writes a line, and then says it, until it is asked to end.
const diary = `trap 'ending=1' TERM
echo begins
i=0
while [ -z "$ending" ]; do
	i=$((i+1))
	echo "$i" >> /files/diary
	echo "$i"
	sleep 0.02
done`

func TestRestore_NothingThatIsWrittenBeforeTheStopIsLost(t *testing.T) {
	s := newStack(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "retries": "0"}
	app := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Labels: s.labels("app", keys), Volumes: []string{enginetest.Volume(t) + ":/files"},
		Entrypoint: "sh", Cmd: []string{"-c", diary}, Args: []string{"--init", "--stop-timeout", "60"},
	})
	s.containers["app"] = app
	other := s.add("other", "", keys)
	s.start(tap(s.listening()))
	s.until("the application writes", func() bool { _, err := app.TryExec(t.Context(), nil, "test", "-s", "/files/diary"); return err == nil })
	run := s.succeeded(s.run("app"))
	plan, err := s.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: s.project, Service: "app"})
	s.must(err)
	if notes := strings.Join(plan.Notes, "; "); !strings.Contains(notes, "stopped before the safety backup") {
		t.Errorf("the plan says: %s", notes)
	}
	row := s.restore(runner.RestoreRequest{Service: "app", RunID: run.ID})
	if row.State != store.Succeeded || row.SafetyRun == "" {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	s.wantAsked("stop app", "start app")
	s.allBack(nil)
	_, said, _ := strings.Cut(enginetest.Docker(t, "logs", app.ID), "begins\n")
	said, _, again := strings.Cut(said, "\nbegins")
	if !again {
		t.Fatal("the application did not begin again")
	}
	back := s.restore(runner.RestoreRequest{Service: "app", RunID: row.SafetyRun, ToProject: s.project, ToService: "other", NoSafety: true})
	if back.State != store.Succeeded {
		t.Fatalf("restore of what was there before is %s: %s", back.State, back.Error)
	}
	last := func(text string) string { return text[strings.LastIndex(text, "\n")+1:] }
	if saved := other.Exec(t, "cat", "/files/diary"); last(saved) != last(said) {
		t.Errorf("the application had written until %s, the safety backup ends with %s", last(said), last(saved))
	}
}

func TestRestore_AFailedSafetyBackupBringsEverybodyBack(t *testing.T) {
	s := newStack(t)
	app := s.add("app", "", map[string]string{"strategy": "volume", "schedule": "manual", "retries": "0"}, "--stop-timeout", "1")
	app.Exec(t, "sh", "-c", "echo old > /files/state")
	s.start()
	run := s.succeeded(s.run("app"))
	app.Exec(t, "sh", "-c", "echo new > /files/state")
	s.stop()
	s.start(tap(s.listening()), func(c *runner.Config) { c.MinFree = 1 << 60 }) // no target has so much room
	s.declared("app")
	row := s.restore(runner.RestoreRequest{Service: "app", RunID: run.ID})
	if row.State != store.Failed || !strings.Contains(row.Error, "take a safety backup") || !strings.Contains(row.Error, "nothing was changed") {
		t.Errorf("restore is %s: %s", row.State, row.Error)
	}
	s.wantAsked("stop app", "start app")
	s.allBack(nil)
	if state := app.Exec(t, "cat", "/files/state"); state != "new" {
		t.Errorf("the state is %s", state)
	}
	if held, err := s.store.Backups(t.Context(), run.JobID()); err != nil || len(held) != 1 {
		t.Errorf("listed as backups: %+v (%v)", held, err)
	}
}
