package runner_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// appliance is a whole runner in this process, on the real engine, seeing only the containers of its own test.
type appliance struct {
	t       *testing.T
	dir     string
	project string
	prefix  string
	paths   map[string]string // targets besides "local"

	store  *store.Store
	engine *docker.Engine
	runner *runner.Runner
	stop   func()
}

// newAppliance prepares one; nothing runs before start.
func newAppliance(t *testing.T) *appliance {
	t.Helper()
	enginetest.Require(t)
	word := strings.ToLower(rand.Text()[:8])
	return &appliance{t: t, dir: t.TempDir(), project: "p" + word, prefix: "sd" + word, paths: map[string]string{}}
}

// labels are those of a Compose service of the test's project with the given job keys.
func (a *appliance) labels(service string, keys map[string]string) map[string]string {
	out := map[string]string{
		"com.docker.compose.project": a.project, "com.docker.compose.service": service,
		"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
	}
	for key, value := range keys {
		out[a.prefix+".backup."+key] = value
	}
	return out
}

// start opens the store and runs until stop, or the end of the test.
func (a *appliance) start(change ...func(*runner.Config)) {
	a.t.Helper()
	ctx := a.t.Context()
	var err error
	a.store, err = store.Open(ctx, filepath.Join(a.dir, "simpledeploy.db"), store.Options{Instance: "testhost"})
	a.must(err)
	a.engine, err = docker.Connect(ctx, docker.Options{DataDir: a.dir, HelperImage: enginetest.HelperImage(a.t), StoreID: a.store.ID(), Prefix: a.prefix})
	a.must(err)
	targets, err := target.Load(ctx, target.Config{LocalDir: filepath.Join(a.dir, "backups"), Paths: a.paths})
	a.must(err)
	registry := strategy.Builtin()
	decoder, err := labels.NewDecoder(labels.Config{Prefix: a.prefix, Strategies: vocabulary(registry), Targets: targets.Names(), MinInterval: time.Second})
	a.must(err)
	cfg := runner.Config{
		Store: a.store, Engine: a.engine, Decoder: decoder, Targets: targets, Registry: registry, Projects: []string{a.project},
		Concurrency: 2, Workers: 2, CatchUp: true, Grace: 5 * time.Second, Version: "test",
		Logger: zerolog.New(zerolog.NewTestWriter(a.t)).Level(zerolog.InfoLevel),
	}
	for _, f := range change {
		f(&cfg)
	}
	a.runner, err = runner.New(cfg)
	a.must(err)
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.runner.Run(running) }()
	a.stop = func() {
		a.stop = func() {}
		cancel()
		if err := errors.Join(<-ended, a.store.Close(), a.engine.Close()); err != nil && !errors.Is(err, context.Canceled) {
			a.t.Errorf("stop the appliance: %v", err)
		}
	}
	a.t.Cleanup(func() { a.stop() })
}

// vocabulary is the registry as labels see it.
func vocabulary(registry []strategy.Entry) []labels.Strategy {
	var out []labels.Strategy
	for _, e := range registry {
		out = append(out, labels.Strategy{Name: e.Name, Aliases: e.Aliases, Images: e.Images, Available: e.Available, Files: e.Files})
	}
	return out
}

func (a *appliance) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// until polls for a condition that another process makes true.
func (a *appliance) until(what string, ok func() bool) {
	a.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			a.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// declared waits until the service's job is seen.
func (a *appliance) declared(service string) {
	a.t.Helper()
	a.until("job of "+service+" is declared", func() bool {
		for _, job := range a.runner.Snapshot().Jobs {
			if job.Service == service {
				return true
			}
		}
		return false
	})
}

// run triggers the service's job and waits for its end.
func (a *appliance) run(service string) store.Run {
	a.t.Helper()
	a.declared(service)
	ids, err := a.runner.Trigger(a.t.Context(), runner.RunRequest{Project: a.project, Service: service})
	a.must(err)
	return a.ended(ids[0])
}

func (a *appliance) ended(id string) store.Run {
	a.t.Helper()
	var run store.Run
	a.until("run "+id+" has ended", func() bool {
		var err error
		run, err = a.store.Run(a.t.Context(), id)
		a.must(err)
		return run.State != store.Queued && run.State != store.Running
	})
	return run
}

// restore restores and waits for the end.
func (a *appliance) restore(req runner.RestoreRequest) store.Restore {
	a.t.Helper()
	if req.Project == "" {
		req.Project = a.project
	}
	id, err := a.runner.StartRestore(a.t.Context(), req)
	a.must(err)
	var row store.Restore
	a.until("restore "+id+" has ended", func() bool {
		row, err = a.store.Restore(a.t.Context(), id)
		a.must(err)
		return row.State != store.Queued && row.State != store.Running
	})
	return row
}

// files lists everything below a target's folder but the claim.
func (a *appliance) files(dir string) []string {
	a.t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "simpledeploy.json" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out = append(out, rel)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatal(err)
	}
	return out
}

func (a *appliance) backups() string { return filepath.Join(a.dir, "backups") }

// succeeded fails the test when the run is not a success.
func (a *appliance) succeeded(run store.Run) store.Run {
	a.t.Helper()
	if run.State != store.Succeeded {
		a.t.Fatalf("run is %s (%s): %s", run.State, run.Cause, run.Error)
	}
	return run
}

// failedWith fails the test when the run did not fail for this cause, or left anything behind.
func (a *appliance) failedWith(run store.Run, cause string) {
	a.t.Helper()
	if run.State != store.Failed || run.Cause != cause {
		a.t.Errorf("run is %s (%s): %s; want failed (%s)", run.State, run.Cause, run.Error, cause)
	}
	if left := a.files(a.backups()); len(left) > 0 {
		a.t.Errorf("a failed run left %v", left)
	}
	held, err := a.store.Backups(a.t.Context(), run.JobID())
	a.must(err)
	if len(held) > 0 {
		a.t.Errorf("a failed run is listed as a backup: %+v", held)
	}
}
