package runner_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

const tellState = "echo $SIMPLEDEPLOY_STATE >> /tmp/post"

// diedBeforePost leaves what a process leaves that dies after it promised post: a run that is running, and the journal.
func (a *appliance) diedBeforePost(containerID, command string) store.Run {
	a.t.Helper()
	run := store.Run{ID: store.NewID(), Project: a.project, Service: "app", Job: "default", Trigger: "manual", State: store.Running, Attempt: 1, StartedAt: time.Now()}
	a.must(a.store.CreateRun(a.t.Context(), run))
	note, err := json.Marshal(map[string]any{"job": "default", "attempt": 1, "command": command, "timeout": 10 * time.Second, "state": "failed"})
	a.must(err)
	a.must(a.store.AddJournal(a.t.Context(), store.Entry{
		ID: store.NewID(), Kind: "post", Project: a.project, Service: "app", Container: containerID, RunID: run.ID, Data: note, At: time.Now(),
	}))
	return run
}

func (a *appliance) read(run store.Run) store.Run {
	a.t.Helper()
	run, err := a.store.Run(a.t.Context(), run.ID)
	a.must(err)
	return run
}

func TestHooks_PostIsRunByTheNextStartBeforeAnyRun(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"pre": "cat /tmp/post", "post": tellState}))
	a.start()
	a.declared("app")
	died := a.diedBeforePost(c.ID, tellState)
	a.stop()
	a.start()
	next := a.succeeded(a.run("app"))
	if next.Hooks[0].Output != "failed\n" {
		t.Errorf("the next run's pre found %q: post had not been run before", next.Hooks[0].Output)
	}
	wantStates(t, a.read(died), "post ok")
	if len(a.journal()) > 0 {
		t.Errorf("the journal holds %+v", a.journal())
	}
}

func TestHooks_PostWaitsUntilItsContainerRuns(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"post": tellState}))
	a.start()
	a.declared("app")
	died := a.diedBeforePost(c.ID, tellState)
	enginetest.Docker(t, "stop", "-t", "0", c.ID)
	a.must(a.runner.Replay(t.Context()))
	if len(a.journal()) != 1 || len(a.read(died).Hooks) > 0 || stateOf(t, c) != "exited" {
		t.Fatalf("the container is %s, the journal holds %+v", stateOf(t, c), a.journal())
	}
	enginetest.Docker(t, "start", c.ID)
	a.must(a.runner.Replay(t.Context()))
	if got := c.Exec(t, "cat", "/tmp/post"); got != "failed" || len(a.journal()) > 0 {
		t.Errorf("post was told %q, the journal holds %+v", got, a.journal())
	}
}

func TestHooks_PostThatCannotBeRunIsGivenUpAfterADay(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"post": tellState}))
	a.start()
	a.declared("app")
	died := a.diedBeforePost(c.ID, tellState)
	enginetest.Docker(t, "stop", "-t", "0", c.ID)
	e := a.journal()[0]
	e.At = time.Now().Add(-25 * time.Hour)
	a.must(a.store.AddJournal(t.Context(), e))
	a.must(a.runner.Replay(t.Context()))
	wantStates(t, a.read(died), "post skipped")
	events, _, err := a.store.Events(t.Context(), store.Filter{Kind: "hook-failed"})
	a.must(err)
	if len(events) != 1 || len(a.journal()) > 0 {
		t.Errorf("events: %+v, the journal holds %+v", events, a.journal())
	}
}

func TestHooks_PostRunsInTheContainerThatTookThePlaceOnlyIfItAsksForTheSame(t *testing.T) {
	for name, c := range map[string]struct{ post, told, state string }{
		"the same hook": {post: tellState, told: "failed", state: "post ok"},
		"another hook":  {post: "true", told: "", state: "post skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			old := a.idle("app", hooked(map[string]string{"post": tellState}))
			a.start()
			a.declared("app")
			died := a.diedBeforePost(old.ID, tellState)
			enginetest.Docker(t, "rm", "-f", old.ID)
			fresh := a.idle("app", hooked(map[string]string{"post": c.post}))
			a.must(a.runner.Replay(t.Context()))
			wantStates(t, a.read(died), c.state)
			if got := fresh.Exec(t, "sh", "-c", "cat /tmp/post 2>/dev/null || :"); got != c.told {
				t.Errorf("post left %q in the new container, want %q", got, c.told)
			}
		})
	}
}

func TestHooks_PostThatTheShutdownCutsShortIsRunByTheNextStart(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{
		"post": "if [ -e /tmp/begun ]; then echo $SIMPLEDEPLOY_STATE > /tmp/again; else touch /tmp/begun; sleep 4713; fi",
	}))
	a.start(func(cfg *runner.Config) { cfg.Grace = 10 * time.Millisecond })
	a.declared("app")
	ids, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project, Service: "app"})
	a.must(err)
	begun := func() bool { _, err := c.TryExec(t.Context(), nil, "test", "-e", "/tmp/begun"); return err == nil }
	a.until("post has begun", begun)
	asked := time.Now()
	a.stop()
	if took := time.Since(asked); took > 30*time.Second {
		t.Errorf("the shutdown waited %s for a hook", took)
	}
	a.start()
	a.until("post has been run again", func() bool { return len(a.journal()) == 0 })
	run := a.ended(ids[0])
	wantStates(t, run, "post ok")
	if got := c.Exec(t, "cat", "/tmp/again"); got != "dumped" || run.State != store.Interrupted {
		t.Errorf("post was told %q, the run is %s", got, run.State)
	}
}
