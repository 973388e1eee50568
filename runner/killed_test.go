package runner_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// doomed is what the process that is going to be killed does: run a job, or restore a group run.
type doomed struct {
	Dir, Project, Prefix string
	Run                  string // this service's job
	Group                string // restore this group run
	Hang                 string // and never get to the end of this service's member
}

const doomedVariable = "SIMPLEDEPLOY_TEST_DOOMED"

// hanging is a container whose restore takes for ever.
type hanging struct {
	strategy.Container
	mark string // a file that is made once it hangs
}

func (h hanging) Help(ctx context.Context, cmd strategy.HelperCommand) error {
	if strings.HasSuffix(cmd.Op, "restore") {
		if err := os.WriteFile(h.mark, nil, 0o600); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	return h.Container.Help(ctx, cmd)
}

// TestDoomed is no test: it is the process that the others kill.
func TestDoomed(t *testing.T) {
	told := os.Getenv(doomedVariable)
	if told == "" {
		t.Skip("this is the process that other tests start and kill")
	}
	var d doomed
	if err := json.Unmarshal([]byte(told), &d); err != nil {
		t.Fatal(err)
	}
	a := &appliance{t: t, dir: d.Dir, project: d.Project, prefix: d.Prefix, paths: map[string]string{}}
	e := &tapped{container: func(c strategy.Container) strategy.Container {
		if d.Hang != "" && c.Info().Labels["com.docker.compose.service"] == d.Hang {
			return hanging{c, filepath.Join(d.Dir, "hangs")}
		}
		return c
	}}
	a.start(tap(e))
	if d.Group != "" {
		a.until("it takes a restore", func() bool {
			_, err := a.runner.StartGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: d.Group})
			return err == nil
		})
		<-t.Context().Done() // until it is killed
	}
	a.run(d.Run)
}

// killWhen starts a process of its own for what is to be done, and kills it as soon as the condition is true.
func (a *appliance) killWhen(d doomed, what string, ok func() bool) {
	a.t.Helper()
	d.Dir, d.Project, d.Prefix = a.dir, a.project, a.prefix
	told, err := json.Marshal(d)
	a.must(err)
	child := exec.CommandContext(a.t.Context(), os.Args[0], "-test.run=^TestDoomed$", "-test.v")
	child.Env = append(os.Environ(), doomedVariable+"="+string(told))
	out, err := os.Create(a.t.TempDir() + "/doomed")
	a.must(err)
	defer out.Close()
	child.Stdout, child.Stderr = out, out
	a.must(child.Start())
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
		if said, err := os.ReadFile(out.Name()); err == nil && a.t.Failed() {
			a.t.Logf("the process that was killed said: %s", said)
		}
	}()
	a.until(what, ok)
}

func there(t *testing.T, c *enginetest.Container, path string) func() bool {
	return func() bool { _, err := c.TryExec(t.Context(), nil, "test", "-e", path); return err == nil }
}

func TestKilled_PostComesAfterThePreThatIsStillUnderWay(t *testing.T) {
	for name, c := range map[string]struct{ timeout, slow, order string }{
		"it ends by itself":   {timeout: "1m", slow: "sleep 6; echo down", order: "down\nup"},
		"it is ended in time": {timeout: "4s", slow: "sleep 4714; echo down", order: "up"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			app := a.idle("app", hooked(map[string]string{
				"hook-timeout": c.timeout, "pre": "touch /tmp/begun; { " + c.slow + "; } >> /tmp/order", "post": "echo up >> /tmp/order",
			}))
			a.killWhen(doomed{Run: "app"}, "pre has begun", there(t, app, "/tmp/begun"))
			if left := app.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline | grep '^sleep [64]' || :; done`); left == "" {
				t.Fatal("pre ended with the appliance: nothing is left to wait for")
			}
			a.start()
			a.until("post was run", func() bool { return len(a.journal()) == 0 })
			if got := app.Exec(t, "cat", "/tmp/order"); got != c.order {
				t.Errorf("the hooks left %q, want %q", got, c.order)
			}
			if left := app.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline | grep '^sleep [64]' || :; done`); left != "" {
				t.Errorf("still under way: %s", left)
			}
			if held := a.files(a.backups()); len(held) > 0 || stateOf(t, app) != "running" {
				t.Errorf("the run that was killed left %v, the container is %s", held, stateOf(t, app))
			}
		})
	}
}

func TestKilled_RestoreOfAGroupThatIsHalfDoneIsSaidUntilItIsMended(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop", "stop-timeout": "1s"}
	both := map[string]*enginetest.Container{"app": a.idle("app", keys), "web": a.idle("web", keys)}
	write := func(text string) {
		for _, c := range both {
			c.Exec(t, "sh", "-c", "echo "+text+" > /files/state")
		}
	}
	write("v1")
	a.start()
	point, _ := a.group("app", "web")
	plan, err := a.runner.PlanGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: point.ID})
	a.must(err)
	a.stop()
	write("v2")
	service := func(i int) string { return strings.TrimPrefix(plan.Members[i].To, a.project+"/") }
	first, second := service(0), service(1)
	read := func(service string) string {
		return enginetest.Docker(t, "run", "--rm", "--volumes-from", both[service].ID, "--entrypoint", "cat", enginetest.BaseImage(t), "/files/state")
	}
	a.killWhen(doomed{Group: point.ID, Hang: second}, "the first member is replaced", func() bool { _, err := os.Stat(filepath.Join(a.dir, "hangs")); return err == nil })
	a.start()
	a.until("the containers are back", func() bool { return stateOf(t, both["app"]) == "running" && stateOf(t, both["web"]) == "running" })
	if read(first) != "v1" || read(second) != "v2" {
		t.Fatalf("%s holds %s and %s holds %s: that is not half a restore", first, read(first), second, read(second))
	}
	rows, _, err := a.store.Restores(t.Context(), store.Filter{Project: a.project})
	a.must(err)
	var whole store.Restore
	for _, row := range rows {
		if row.GroupRun == point.ID && row.PartOf == "" {
			whole = row
		}
	}
	wayBack := "restore " + a.project + " --group " + whole.SafetyRun
	reasons := strings.Join(a.runner.Health(t.Context()).Reasons, "\n")
	events, _, err := a.store.Events(t.Context(), store.Filter{Kind: "restore-cut-short"})
	a.must(err)
	if whole.State != store.Interrupted || whole.SafetyRun == "" || len(events) != 1 {
		t.Fatalf("the restore is %s with safety run %q, events: %+v", whole.State, whole.SafetyRun, events)
	}
	for where, text := range map[string]string{"the restore": whole.Error, "the event": events[0].Text, "health": reasons} {
		if !strings.Contains(text, wayBack) || !strings.Contains(text, "restored before it: "+plan.Members[0].To) || !strings.Contains(text, plan.Members[1].To) {
			t.Errorf("%s does not say what is restored, what is not and the way back: %s", where, text)
		}
	}
	back := a.restoreGroup(runner.GroupRestoreRequest{GroupRun: whole.SafetyRun, NoSafety: true})
	if back.State != store.Succeeded || read(first) != "v2" || read(second) != "v2" {
		t.Errorf("the way back is %s: %s; %s and %s", back.State, back.Error, read(first), read(second))
	}
	if h := a.runner.Health(t.Context()); !h.Healthy || len(a.journal()) > 0 {
		t.Errorf("after it: %+v, the journal holds %+v", h, a.journal())
	}
}
