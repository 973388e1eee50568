package runner_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/store"
)

// compose is whichever Compose is on this machine.
func compose(t *testing.T) []string {
	t.Helper()
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	if path, err := exec.LookPath("docker-compose"); err == nil {
		return []string{path}
	}
	t.Skip("this needs Compose: neither `docker compose` nor docker-compose is here")
	return nil
}

// up writes a Compose file whose one service has the label lines, and runs `up -d`.
func (a *appliance) up(compose []string, dir string, labels ...string) {
	a.t.Helper()
	file := fmt.Sprintf("version: '3'\nservices:\n  app:\n    image: %s\n    init: true\n    command: [sleep, infinity]\n    stop_grace_period: 1s\n    volumes: [files:/files]\n", enginetest.BaseImage(a.t))
	if len(labels) > 0 {
		file += "    labels:\n      " + strings.Join(labels, "\n      ") + "\n"
	}
	a.must(os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file+"volumes:\n  files:\n"), 0o600))
	a.compose(compose, dir, "up", "-d")
}

func (a *appliance) compose(compose []string, dir string, args ...string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.t.Context()), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, compose[0], append(append(compose[1:len(compose):len(compose)], "-p", a.project), args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

func TestSeen_LabelAddedWithComposeUpIsScheduledWithinTwoSecondsOfTheStart(t *testing.T) {
	tool := compose(t)
	a := newAppliance(t)
	dir := t.TempDir()
	t.Cleanup(func() { a.compose(tool, dir, "down", "-v", "-t", "1") })
	a.up(tool, dir)
	a.start()
	a.until("the service is seen without a job", func() bool {
		plan := a.runner.Snapshot()
		return len(plan.Services) == 1 && len(plan.Jobs) == 0
	})
	scheduled := make(chan time.Time, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			job, err := a.store.Job(t.Context(), a.project+"/app/default")
			if err != nil && t.Context().Err() != nil {
				return
			}
			if err == nil && !job.NextRun.IsZero() {
				scheduled <- time.Now()
				return
			}
		}
	}()
	a.up(tool, dir, a.prefix+".backup.schedule: '0 2 * * *'")
	var at time.Time
	select {
	case at = <-scheduled:
	case <-time.After(time.Minute):
		t.Fatal("the job was not scheduled within a minute")
	}
	id := enginetest.Docker(t, "ps", "-q", "--filter", "label=com.docker.compose.project="+a.project)
	started, err := time.Parse(time.RFC3339Nano, enginetest.Docker(t, "inspect", "-f", "{{.State.StartedAt}}", id))
	a.must(err)
	if took := at.Sub(started); took > 2*time.Second {
		t.Errorf("scheduled %s after the container's start, want within 2s", took)
	}
	a.succeeded(a.run("app"))
	a.up(tool, dir) // the label is taken out again
	a.until("the job is absent, with its history and its backup", func() bool {
		job, err := a.store.Job(t.Context(), a.project+"/app/default")
		a.must(err)
		held, err := a.store.Backups(t.Context(), job.ID)
		a.must(err)
		runs, _, err := a.store.Runs(t.Context(), store.Filter{Project: a.project})
		a.must(err)
		return !job.Declared && job.NextRun.IsZero() && len(held) == 1 && len(runs) == 1
	})
}
