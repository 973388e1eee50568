package runner_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// meddled is a container that somebody meddles with while its files are read.
type meddled struct {
	strategy.Container
	meddle func()
}

func (m meddled) Help(ctx context.Context, cmd strategy.HelperCommand) error {
	if cmd.Op == "archive" {
		m.meddle()
	}
	return m.Container.Help(ctx, cmd)
}

func TestHold_AContainerThatSomebodyStartsInTheMiddleFailsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		how, group string
		commands   [][]string
	}{
		"started":             {how: "stop", commands: [][]string{{"start"}}},
		"started and stopped": {how: "stop", commands: [][]string{{"start"}, {"stop", "-t", "0"}}},
		"unpaused":            {how: "pause", commands: [][]string{{"unpause"}}},
		"started in a group":  {how: "stop", group: "g", commands: [][]string{{"start"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			keys := map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": c.how, "stop-timeout": "1s", "retries": "0"}
			if c.group != "" {
				keys["group"] = c.group
			}
			app := a.idle("app", keys)
			e := &tapped{container: func(port strategy.Container) strategy.Container {
				return meddled{port, func() {
					for _, command := range c.commands {
						enginetest.Docker(t, append(command, app.ID)...)
					}
				}}
			}}
			a.start(tap(e))
			run := a.run("app")
			a.failedWith(run, "hold")
			if !strings.Contains(run.Error, "container "+app.Name+" was") || !strings.Contains(run.Error, "started by somebody else") {
				t.Errorf("the error does not say which container did what: %s", run.Error)
			}
			if state := stateOf(t, app); state != "running" || len(a.journal()) > 0 {
				t.Errorf("the container is %s, the journal holds %+v", state, a.journal())
			}
		})
	}
}

func TestHold_AContainerThatSomebodyStartsOnceIsBackedUpByTheNextTry(t *testing.T) {
	a := newAppliance(t)
	app := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "retries": "1"})
	var done atomic.Bool
	e := &tapped{container: func(port strategy.Container) strategy.Container {
		return meddled{port, func() {
			if !done.Swap(true) {
				enginetest.Docker(t, "start", app.ID)
			}
		}}
	}}
	a.start(tap(e))
	if run := a.succeeded(a.run("app")); run.Attempt != 2 {
		t.Errorf("the run succeeded with attempt %d", run.Attempt)
	}
}

func TestHold_ATimeoutInTheMiddleOfAStopReadsNothing(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{
		"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "timeout": "2s", "retries": "0",
	})
	var read atomic.Bool
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		asked := time.Now()
		err := e.Engine.Stop(ctx, id, grace)
		a.until("the job's timeout has passed", func() bool { return time.Since(asked) > 3*time.Second })
		return err
	}
	a.start(tap(e), func(cfg *runner.Config) {
		for i, entry := range cfg.Registry {
			if entry.Name == "volume" {
				cfg.Registry[i].Strategy = noted{entry.Strategy, &read}
			}
		}
	})
	run := a.run("app")
	a.failedWith(run, "timeout")
	if read.Load() {
		t.Error("the files were read though the run was over")
	}
	if state := stateOf(t, c); state != "running" || len(a.journal()) > 0 || run.State != store.Failed {
		t.Errorf("the container is %s, the journal holds %+v", state, a.journal())
	}
}

// noted is a strategy that notes that it was asked to dump.
type noted struct {
	strategy.Strategy
	asked *atomic.Bool
}

func (n noted) Dump(ctx context.Context, c strategy.Container, opt strategy.Options, w io.Writer) (strategy.Report, error) {
	n.asked.Store(true)
	return n.Strategy.Dump(ctx, c, opt, w)
}
