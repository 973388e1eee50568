package runner_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// tapped is the real engine with something done before, or instead of, what it is asked for.
type tapped struct {
	runner.Engine
	stop         func(ctx context.Context, id string, grace time.Duration) error
	pause, start func(ctx context.Context, id string) error
	container    func(c strategy.Container) strategy.Container
}

func (e *tapped) Container(info strategy.Info) strategy.Container {
	if e.container != nil {
		return e.container(e.Engine.Container(info))
	}
	return e.Engine.Container(info)
}

func (e *tapped) Stop(ctx context.Context, id string, grace time.Duration) error {
	if e.stop != nil {
		return e.stop(ctx, id, grace)
	}
	return e.Engine.Stop(ctx, id, grace)
}

func (e *tapped) Pause(ctx context.Context, id string) error {
	if e.pause != nil {
		return e.pause(ctx, id)
	}
	return e.Engine.Pause(ctx, id)
}

func (e *tapped) Start(ctx context.Context, id string) error {
	if e.start != nil {
		return e.start(ctx, id)
	}
	return e.Engine.Start(ctx, id)
}

// tap puts e between the runner and the engine.
func tap(e *tapped) func(*runner.Config) {
	return func(c *runner.Config) { e.Engine, c.Engine = c.Engine, e }
}

func (a *appliance) journal() []store.Entry {
	a.t.Helper()
	entries, err := a.store.Journal(a.t.Context())
	a.must(err)
	return entries
}

func stateOf(t *testing.T, c *enginetest.Container) string {
	t.Helper()
	return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID)
}

// named says whether health has a reason about the service.
func (a *appliance) named(service string) bool {
	return strings.Contains(strings.Join(a.runner.Health(a.t.Context()).Reasons, "\n"), a.project+"/"+service)
}

func TestHold_TheJournalKnowsBeforeTheEngineIsAsked(t *testing.T) {
	for how, kind := range map[string]string{"stop": "stopped", "pause": "paused"} {
		t.Run(how, func(t *testing.T) {
			a := newAppliance(t)
			keys := map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": how}
			c := a.idle("app", keys)
			var asked, known atomic.Bool
			look := func() {
				asked.Store(true)
				for _, e := range a.journal() {
					if e.Container == c.ID && e.Kind == kind && e.Was == "running" && e.RunID != "" {
						known.Store(true)
					}
				}
			}
			e := &tapped{}
			e.stop = func(ctx context.Context, id string, grace time.Duration) error {
				look()
				return e.Engine.Stop(ctx, id, grace)
			}
			e.pause = func(ctx context.Context, id string) error {
				look()
				return e.Engine.Pause(ctx, id)
			}
			a.start(tap(e))
			a.succeeded(a.run("app"))
			if !asked.Load() || !known.Load() {
				t.Errorf("engine asked: %t, with an entry in the journal: %t", asked.Load(), known.Load())
			}
			if state := stateOf(t, c); state != "running" || len(a.journal()) > 0 {
				t.Errorf("after the run the container is %s and the journal holds %+v", state, a.journal())
			}
		})
	}
}

// deaf starts a container that ignores TERM: pid 1 gets no signal that it does not ask for.
func (a *appliance) deaf(service string, keys map[string]string) *enginetest.Container {
	a.t.Helper()
	return enginetest.Run(a.t, enginetest.RunOptions{
		Image: enginetest.BaseImage(a.t), Labels: a.labels(service, keys), Volumes: []string{enginetest.Volume(a.t) + ":/files"},
		Cmd: []string{"sleep", "infinity"},
	})
}

func TestHold_AStopThatOutlastsTheTimeoutIsSeenToItsEnd(t *testing.T) {
	a := newAppliance(t)
	c := a.deaf("app", map[string]string{
		"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "4s", "timeout": "2s", "retries": "0",
	})
	var asked atomic.Bool
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		asked.Store(true)
		return e.Engine.Stop(ctx, id, grace)
	}
	a.start(tap(e))
	a.failedWith(a.run("app"), "timeout")
	if state := stateOf(t, c); state != "running" || !asked.Load() || len(a.journal()) > 0 {
		t.Errorf("the container is %s (engine asked: %t), the journal holds %+v; want it back and nothing left to do", state, asked.Load(), a.journal())
	}
}

func TestHold_AContainerThatGoesDownAfterAFailedStopComesBack(t *testing.T) {
	a := newAppliance(t)
	c := a.deaf("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "retries": "0"})
	down := make(chan error, 1)
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		go func() { down <- e.Engine.Stop(context.WithoutCancel(ctx), id, grace) }()
		return errors.New("the engine's answer was lost")
	}
	a.start(tap(e))
	a.failedWith(a.run("app"), "hold")
	a.must(<-down)
	if len(a.journal()) != 1 || !a.named("app") {
		t.Fatalf("the journal holds %+v, health says %v", a.journal(), a.runner.Health(t.Context()).Reasons)
	}
	a.must(a.runner.Replay(t.Context()))
	if state := stateOf(t, c); state != "running" || len(a.journal()) > 0 || a.named("app") {
		t.Errorf("the container is %s, the journal holds %+v, health says %v", state, a.journal(), a.runner.Health(t.Context()).Reasons)
	}
}

func TestHold_AContainerThatCannotBeStartedAgainFailsTheRunAndComesBackLater(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "retries": "0"})
	var refused atomic.Bool
	e := &tapped{}
	e.start = func(ctx context.Context, id string) error {
		if refused.CompareAndSwap(false, true) {
			return errors.New("no room for another process")
		}
		return e.Engine.Start(ctx, id)
	}
	a.start(tap(e))
	run := a.run("app")
	if !a.named("app") {
		t.Errorf("health does not name what is down: %v", a.runner.Health(t.Context()).Reasons)
	}
	a.failedWith(run, "hold")
	if !strings.Contains(run.Error, "no room for another process") || stateOf(t, c) != "exited" {
		t.Errorf("the container is %s, the error: %s", stateOf(t, c), run.Error)
	}
	a.must(a.runner.Replay(t.Context()))
	if state := stateOf(t, c); state != "running" || len(a.journal()) > 0 || a.named("app") {
		t.Errorf("the container is %s, the journal holds %+v, health says %v", state, a.journal(), a.runner.Health(t.Context()).Reasons)
	}
}
