package runner_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

func TestRestore_APlaceThatTheServiceLostIsRefusedBeforeAnythingIsDone(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "paths": "/files/a"}
	volume := enginetest.Volume(t)
	in := func(place string) *enginetest.Container {
		return enginetest.Run(t, enginetest.RunOptions{
			Image: enginetest.BaseImage(t), Labels: a.labels("app", keys), Volumes: []string{volume + ":" + place},
			Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
		})
	}
	old := in("/files")
	old.Exec(t, "sh", "-c", "mkdir /files/a && echo v1 > /files/a/state")
	a.start()
	run := a.succeeded(a.run("app"))
	enginetest.Docker(t, "rm", "-f", old.ID)
	fresh := in("/newplace")
	req := runner.RestoreRequest{Project: a.project, Service: "app", RunID: run.ID, NoSafety: true}
	_, planErr := a.runner.PlanRestore(t.Context(), req)
	_, startErr := a.runner.StartRestore(t.Context(), req)
	for what, err := range map[string]error{"the plan": planErr, "the restore": startErr} {
		if refused := (&runner.RefusedError{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "/files/a") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if h := a.runner.Health(t.Context()); !h.Healthy || len(a.journal()) > 0 || fresh.Exec(t, "cat", "/newplace/a/state") != "v1" {
		t.Errorf("a refused restore left %+v and the journal %+v", h, a.journal())
	}

	// One that was cut short before, and whose place went away since, is given up after a day, and said.
	note, err := json.Marshal(map[string]any{"strategy": "volume", "options": strategy.Options{Token: "lost", Paths: []string{"/files/a"}}})
	a.must(err)
	entry := store.Entry{ID: store.NewID(), Kind: "restore", Project: a.project, Service: "app", RunID: "lost", Data: note, At: time.Now()}
	a.must(a.store.AddJournal(t.Context(), entry))
	if err := a.runner.Replay(t.Context()); err == nil || len(a.journal()) != 1 {
		t.Errorf("it was given up at once: %+v", a.journal())
	}
	a.until("it was looked at", func() bool { return a.named("app") })
	entry.At = time.Now().Add(-25 * time.Hour)
	a.must(a.store.AddJournal(t.Context(), entry))
	a.must(a.runner.Replay(t.Context()))
	a.until("it is given up", func() bool { return len(a.journal()) == 0 })
	events, _, err := a.store.Events(t.Context(), store.Filter{Kind: "restore-cut-short"})
	a.must(err)
	if len(events) != 1 || !a.runner.Health(t.Context()).Healthy {
		t.Errorf("events: %+v, health: %+v", events, a.runner.Health(t.Context()))
	}
}

func TestRestore_ADatabaseWhosePlaceTheServiceLostIsRefused(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "sqlite", "schedule": "manual", "retries": "0"}
	app := a.sqliteService("app", keys)
	app.Exec(t, "db", "make", "/data/app.db")
	a.start()
	run := a.succeeded(a.run("app"))
	elsewhere := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.SQLiteImage(t), Volumes: []string{enginetest.Volume(t) + ":/newplace"}, Labels: a.labels("elsewhere", keys),
	})
	req := runner.RestoreRequest{Project: a.project, Service: "app", RunID: run.ID, ToProject: a.project, ToService: "elsewhere"}
	_, err := a.runner.StartRestore(t.Context(), req)
	if refused := (&runner.RefusedError{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "/data/app.db") {
		t.Errorf("the restore: %v", err)
	}
	if h := a.runner.Health(t.Context()); !h.Healthy || len(a.journal()) > 0 || stateOf(t, elsewhere) != "running" {
		t.Errorf("a refused restore left %+v and the journal %+v", h, a.journal())
	}
}
