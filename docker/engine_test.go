package docker_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

const oddHelper = "github.com/simpledeploy/backup/docker/testdata/oddhelper"

// connect makes an engine through whatever DOCKER_HOST names, with a data folder and a store id of the test's own.
func connect(t *testing.T, change ...func(*docker.Options)) *docker.Engine {
	t.Helper()
	enginetest.Require(t)
	return open(t, change...)
}

func open(t *testing.T, change ...func(*docker.Options)) *docker.Engine {
	t.Helper()
	opt := docker.Options{DataDir: t.TempDir(), StoreID: "test-" + filepath.Base(t.TempDir()) + t.Name()}
	for _, c := range change {
		c(&opt)
	}
	e, err := docker.Connect(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// connectVia goes through a proxy; the test's own docker commands do not.
func connectVia(t *testing.T, proxy *enginetest.Proxy, change ...func(*docker.Options)) *docker.Engine {
	t.Helper()
	t.Setenv("DOCKER_HOST", proxy.Host())
	defer t.Setenv("DOCKER_HOST", "")
	return open(t, change...)
}

// idle starts a container that does nothing until it is told to stop.
func idle(t *testing.T, change ...func(*enginetest.RunOptions)) *enginetest.Container {
	t.Helper()
	opt := enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"},
	}
	for _, c := range change {
		c(&opt)
	}
	return enginetest.Run(t, opt)
}

func port(t *testing.T, e *docker.Engine, c *enginetest.Container) strategy.Container {
	t.Helper()
	info, err := e.Inspect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return e.Container(info)
}

// dockerOut runs the docker command line, also while a test is being cleaned up.
func dockerOut(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).Output()
	if err != nil {
		t.Errorf("docker %s: %v", args[0], err)
	}
	return strings.TrimSpace(string(out))
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// processes lists the commands that run inside a container, one per line.
func processes(t *testing.T, c *enginetest.Container) string {
	t.Helper()
	return c.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline 2>/dev/null; echo; done`)
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error does not tell %q: %v", p, err)
		}
	}
}
