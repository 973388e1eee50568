package runner_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// hooked are the keys of a volume job with hooks.
func hooked(keys map[string]string) map[string]string {
	out := map[string]string{"strategy": "volume", "schedule": "manual"}
	maps.Copy(out, keys)
	return out
}

// states are the hooks of a run as "name state".
func states(run store.Run) []string {
	var out []string
	for _, h := range run.Hooks {
		out = append(out, h.Name+" "+h.State)
	}
	return out
}

func wantStates(t *testing.T, run store.Run, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, states(run)); diff != "" {
		t.Errorf("hooks of the run (-want +got):\n%s\n%+v", diff, run.Hooks)
	}
}

func TestHooks_RunAroundTheDumpAsTheContainersOwnUser(t *testing.T) {
	a := newAppliance(t)
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Volumes: []string{enginetest.Volume(t) + ":/files"}, Cmd: []string{"sleep", "infinity"},
		Args: []string{"--init", "--user", "1234"}, Env: []string{"GREETING=hello"},
		Labels: a.labels("app", hooked(map[string]string{
			"quiesce": "stop", "stop-timeout": "1s",
			"pre":  `echo "$GREETING from $(id -u)"; echo "and more" >&2; echo before >> /tmp/order`,
			"post": `echo "after, $SIMPLEDEPLOY_STATE" >> /tmp/order; cat /tmp/order`,
		})),
	})
	a.start()
	run := a.succeeded(a.run("app"))
	wantStates(t, run, "pre ok", "post ok")
	if len(run.Hooks) == 2 && (run.Hooks[0].Output != "hello from 1234\nand more\n" || run.Hooks[1].Output != "before\nafter, dumped\n" || run.Hooks[0].Took <= 0) {
		t.Errorf("the record holds %+v", run.Hooks)
	}
	if state := stateOf(t, c); state != "running" || len(a.journal()) > 0 || len(run.Warnings) > 0 {
		t.Errorf("the container is %s, the journal holds %+v, warnings: %v", state, a.journal(), run.Warnings)
	}
}

func TestHooks_FailedPreFailsTheRunBeforeTheDumpAndPostRunsAllTheSame(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{
		"quiesce": "stop", "pre": "echo looking; echo cannot enter maintenance >&2; exit 7", "post": `echo "left after $SIMPLEDEPLOY_STATE" | tee /tmp/left`,
	}))
	var stopped atomic.Bool
	e := &tapped{}
	e.stop = func(context.Context, string, time.Duration) error {
		stopped.Store(true)
		return errors.New("must not be asked")
	}
	a.start(tap(e))
	run := a.run("app")
	a.failedWith(run, "hook")
	wantStates(t, run, "pre failed", "post ok")
	if run.Attempt != 1 || stopped.Load() {
		t.Errorf("a broken hook was tried %d times, the container was stopped: %t", run.Attempt, stopped.Load())
	}
	if !strings.Contains(run.Error, "exit code 7") || !strings.Contains(run.Error, "cannot enter maintenance") {
		t.Errorf("the error does not say why: %s", run.Error)
	}
	if len(run.Hooks) == 2 && (run.Hooks[0].ExitCode != 7 || run.Hooks[0].Output != "looking\ncannot enter maintenance\n") {
		t.Errorf("the record holds %+v", run.Hooks[0])
	}
	if got := c.Exec(t, "cat", "/tmp/left"); got != "left after failed" || len(a.journal()) > 0 {
		t.Errorf("post left %q, the journal holds %+v", got, a.journal())
	}
}

func TestHooks_PostHearsOfADumpThatFailed(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"quiesce": "stop", "stop-timeout": "1s", "retries": "0", "post": "echo $SIMPLEDEPLOY_STATE > /tmp/state"}))
	e := &tapped{}
	e.stop = func(context.Context, string, time.Duration) error { return errors.New("the engine is busy") }
	a.start(tap(e))
	run := a.run("app")
	a.failedWith(run, "hold")
	wantStates(t, run, "post ok")
	if got := c.Exec(t, "cat", "/tmp/state"); got != "failed" {
		t.Errorf("post was told %q", got)
	}
}

func TestHooks_FailedPostIsAWarningAndTheBackupCounts(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", hooked(map[string]string{"post": "echo still locked >&2; exit 2"}))
	a.start()
	run := a.succeeded(a.run("app"))
	wantStates(t, run, "post failed")
	if len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "exit code 2: still locked") {
		t.Errorf("warnings: %v", run.Warnings)
	}
	events, _, err := a.store.Events(t.Context(), store.Filter{Kind: "hook-failed"})
	a.must(err)
	if len(events) != 1 || events[0].RunID != run.ID || len(a.journal()) > 0 {
		t.Errorf("events: %+v, the journal holds %+v", events, a.journal())
	}
}

func TestHooks_OneThatTakesTooLongIsEndedWithAllThatItStarted(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"hook-timeout": "1s", "pre": "echo begun; sleep 4711 | cat; echo not reached", "post": "sleep 4712 & wait"}))
	a.start()
	run := a.run("app")
	a.failedWith(run, "hook")
	wantStates(t, run, "pre timeout", "post timeout")
	if !strings.Contains(run.Error, "hook-timeout") || len(run.Hooks) == 2 && (!strings.HasPrefix(run.Hooks[0].Output, "begun\n") || strings.Contains(run.Hooks[0].Output, "reached")) {
		t.Errorf("error: %s, hooks: %+v", run.Error, run.Hooks)
	}
	if left := c.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline | grep '^sleep 471' || :; done`); left != "" {
		t.Errorf("still at work in the container: %s", left)
	}
}

func TestHooks_OneThatIsEndedDoesNotRestartTheDatabase(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(10, map[string]string{"hook-timeout": "2s", "retries": "0",
		"pre": `psql -U postgres -d shop -qAtc "select pg_sleep(4711)" | cat`, "post": `psql -U postgres -d shop -qAtc "select 'post is here'"`})
	a.start()
	run := a.run("db")
	a.failedWith(run, "hook")
	wantStates(t, run, "pre timeout", "post ok")
	if logs := c.Logs(t); strings.Contains(logs, "reinitializing") {
		t.Errorf("the server took the end of a hook for a crash:\n%s", logs)
	}
}

func TestHooks_TheLastPartOfALongOutputIsKept(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", hooked(map[string]string{"pre": `i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "line $i"; done; printf 'a\0b\377c' >&2; exit 1`}))
	a.start()
	run := a.run("app")
	a.failedWith(run, "hook")
	wantStates(t, run, "pre failed")
	h := run.Hooks[0]
	if !h.Truncated || len(h.Output) > 17<<10 || !strings.Contains(h.Output, "line 20000\n") || !strings.HasSuffix(h.Output, "a\uFFFDb\uFFFDc") {
		t.Errorf("kept %d bytes (truncated: %t), ending in %q", len(h.Output), h.Truncated, h.Output[max(0, len(h.Output)-40):])
	}
}

func TestHooks_ImageWithoutAShellIsOneClearError(t *testing.T) {
	a := newAppliance(t)
	enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/shellless"), Cmd: []string{"wait"},
		Labels: a.labels("app", hooked(map[string]string{"pre": "true"})), Volumes: []string{enginetest.Volume(t) + ":/files"},
	})
	a.start()
	run := a.run("app")
	a.failedWith(run, "hook")
	wantStates(t, run, "pre failed")
	if !strings.Contains(run.Error, "has no sh") || !strings.Contains(run.Error, "image with a shell") {
		t.Errorf("error: %s", run.Error)
	}
}

func TestHooks_CommandThatIsMissingIsToldByTheShell(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", hooked(map[string]string{"pre": "no-such-tool"}))
	a.start()
	run := a.run("app")
	a.failedWith(run, "hook")
	if !strings.Contains(run.Error, "exit code 127") || !strings.Contains(run.Error, "no-such-tool") {
		t.Errorf("error: %s", run.Error)
	}
}

func TestHooks_OfAContainerThatDoesNotRunAreSkippedWithAWarning(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"pre": "true", "post": "true"}))
	enginetest.Docker(t, "stop", "-t", "0", c.ID)
	a.start()
	run := a.succeeded(a.run("app"))
	if len(run.Hooks) != 2 || run.Hooks[0].State != store.HookSkipped || run.Hooks[1].State != store.HookSkipped {
		t.Errorf("hooks: %+v", run.Hooks)
	}
	if len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "skipped") || len(a.journal()) > 0 || stateOf(t, c) != "exited" {
		t.Errorf("warnings %v, journal %+v, container %s", run.Warnings, a.journal(), stateOf(t, c))
	}
}

func TestHooks_ASafetyBackupRunsNone(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", hooked(map[string]string{"pre": "echo pre >> /tmp/hooks", "post": "echo post >> /tmp/hooks"}))
	a.start()
	a.succeeded(a.run("app"))
	if row := a.restore(runner.RestoreRequest{Service: "app"}); row.State != store.Succeeded || row.SafetyRun == "" {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if got := c.Exec(t, "cat", "/tmp/hooks"); got != "pre\npost" {
		t.Errorf("after a run and a restore the hooks left %q", got)
	}
}

func TestHooks_OfAnotherProjectAreNeverRun(t *testing.T) {
	a := newAppliance(t)
	other := newAppliance(t)
	other.prefix = a.prefix
	mark := map[string]string{"pre": "echo ran >> /tmp/mark", "post": "echo ran >> /tmp/mark"}
	mine, theirs := a.idle("app", hooked(mark)), other.idle("app", hooked(mark))
	a.start(func(c *runner.Config) { c.Projects = append(c.Projects, other.project) })
	a.succeeded(a.run("app"))
	if got := mine.Exec(t, "cat", "/tmp/mark"); got != "ran\nran" {
		t.Errorf("own hooks left %q", got)
	}
	if _, err := theirs.TryExec(t.Context(), nil, "test", "!", "-e", "/tmp/mark"); err != nil {
		t.Errorf("the hooks ran in another project's container too: %v", err)
	}
}
