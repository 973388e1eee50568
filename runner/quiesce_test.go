package runner_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// stack is a project of containers that need each other, and what the engine was asked to do with them.
type stack struct {
	*appliance
	containers map[string]*enginetest.Container

	mu    sync.Mutex
	asked []string // "stop web", "start db"
}

// newStack starts services; each has its own labels besides those of its service.
func newStack(t *testing.T) *stack {
	return &stack{appliance: newAppliance(t), containers: map[string]*enginetest.Container{}}
}

// add starts a container of the project that depends on others; args are further ones for `docker run`.
func (s *stack) add(name, depends string, keys map[string]string, args ...string) *enginetest.Container {
	s.t.Helper()
	labels := s.labels(name, keys)
	if depends != "" {
		labels["com.docker.compose.depends_on"] = depends
	}
	opt := enginetest.RunOptions{Name: s.project + "-" + name, Image: enginetest.BaseImage(s.t), Labels: labels, Cmd: []string{"sleep", "infinity"}, Args: append([]string{"--init"}, args...)}
	if keys != nil {
		opt.Volumes = []string{enginetest.Volume(s.t) + ":/files"}
	}
	c := enginetest.Run(s.t, opt)
	s.containers[name] = c
	return c
}

// heldFiles are the keys of a job that stops its container.
func heldFiles() map[string]string {
	return map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "retries": "0"}
}

func (s *stack) note(what, id string) {
	for name, c := range s.containers {
		if c.ID == id {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = append(s.asked, what+" "+name)
		}
	}
}

// listening notes what the engine is asked for, and asks it.
func (s *stack) listening() *tapped {
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		s.note("stop", id)
		return e.Engine.Stop(ctx, id, grace)
	}
	e.start = func(ctx context.Context, id string) error {
		s.note("start", id)
		return e.Engine.Start(ctx, id)
	}
	return e
}

func (s *stack) wantAsked(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.asked); diff != "" {
		s.t.Errorf("the engine was asked to (-want +got):\n%s", diff)
	}
	s.asked = nil
}

// allBack says that every container is in its state, and that nothing is left to do.
func (s *stack) allBack(but map[string]string) {
	s.t.Helper()
	for name, c := range s.containers {
		want := but[name]
		if want == "" {
			want = "running"
		}
		if state := stateOf(s.t, c); state != want {
			s.t.Errorf("%s is %s, want %s", name, state, want)
		}
	}
	if left := s.journal(); len(left) > 0 {
		s.t.Errorf("the journal holds %+v", left)
	}
}

func healthOf(t *testing.T, c *enginetest.Container) string {
	return enginetest.Docker(t, "inspect", "-f", "{{.State.Health.Status}}", c.ID)
}

func TestQuiesce_StopsWhatDependsOnTheContainerFirstAndStartsItLast(t *testing.T) {
	s := newStack(t)
	db := s.add("db", "", heldFiles(), "--health-cmd", "true", "--health-interval", "1s")
	s.add("api", "db:service_healthy:true", nil)
	web := s.add("web", "api:service_started:false", map[string]string{"strategy": "volume", "schedule": "manual"})
	worker := s.add("worker", "db:service_started:false", nil)
	s.add("mail", "", nil)
	enginetest.Docker(t, "stop", "-t", "0", worker.ID)
	e := s.listening()
	ask, health := e.start, ""
	e.start = func(ctx context.Context, id string) error {
		if id == s.containers["api"].ID {
			health = healthOf(t, db)
		}
		return ask(ctx, id)
	}
	var inTheMiddle sync.Once
	var other []string
	tell := e.stop
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		inTheMiddle.Do(func() { // somebody wants a backup of a service that this run holds
			var err error
			other, err = s.runner.Trigger(ctx, runner.RunRequest{Project: s.project, Service: "web"})
			if err != nil {
				t.Error(err)
			}
		})
		return tell(ctx, id, grace)
	}
	s.start(tap(e))
	s.declared("web")
	s.declared("db")
	view, err := s.runner.PlanView(t.Context())
	s.must(err)
	for _, next := range view.Next {
		want := map[string][]string{s.project + "/db/default": {s.project + "/web", s.project + "/api", s.project + "/db"}}[next.Job]
		if !slices.Equal(next.Stops, want) {
			t.Errorf("the plan says that %s stops %v, want %v", next.Job, next.Stops, want)
		}
	}
	run := s.succeeded(s.run("db"))
	second := s.succeeded(s.ended(other[0]))
	s.wantAsked("stop web", "stop api", "stop db", "start db", "start api", "start web")
	if health != "healthy" {
		t.Errorf("api was started while the database it waits for was %q", health)
	}
	if second.StartedAt.Before(run.FinishedAt) {
		t.Errorf("web was backed up at %s while the other run held it until %s", second.StartedAt, run.FinishedAt)
	}
	s.allBack(map[string]string{"worker": "exited"})
	if state := stateOf(t, web); state != "running" {
		t.Errorf("web is %s", state)
	}
}

func TestQuiesce_ContainersInItsNamespacesAreCutOffByNothing(t *testing.T) {
	s := newStack(t)
	vpn := s.add("vpn", "", heldFiles(), "--ipc", "shareable")
	s.add("client", "", nil, "--network", "container:"+vpn.ID)
	s.add("probe", "", nil, "--pid", "container:"+vpn.Name, "--ipc", "container:"+vpn.Name)
	s.start(tap(s.listening()))
	s.succeeded(s.run("vpn"))
	s.wantAsked("stop client", "stop probe", "stop vpn", "start vpn", "start probe", "start client")
	s.allBack(nil)
	for other, ns := range map[string]string{"client": "net", "probe": "pid"} {
		if got, want := s.containers[other].Exec(t, "readlink", "/proc/self/ns/"+ns), vpn.Exec(t, "readlink", "/proc/self/ns/"+ns); got != want {
			t.Errorf("%s lives in %s, vpn in %s", other, got, want)
		}
	}
}

func TestQuiesce_ComposeNetworkModeIsRespected(t *testing.T) {
	tool := compose(t)
	a := newAppliance(t)
	dir := t.TempDir()
	t.Cleanup(func() { a.compose(tool, dir, "down", "-v", "-t", "1") })
	file := strings.NewReplacer("IMAGE", enginetest.BaseImage(t), "PREFIX", a.prefix).Replace(`version: '2.4'
services:
  vpn:
    image: IMAGE
    init: true
    command: [sleep, infinity]
    stop_grace_period: 1s
    volumes: [files:/files]
    labels: {PREFIX.backup.strategy: volume, PREFIX.backup.schedule: manual, PREFIX.backup.quiesce: stop}
  client:
    image: IMAGE
    init: true
    command: [sleep, infinity]
    stop_grace_period: 1s
    network_mode: service:vpn
volumes: {files: {}}
`)
	a.must(os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600))
	a.compose(tool, dir, "up", "-d")
	of := func(service string) *enginetest.Container {
		id := enginetest.Docker(t, "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project="+a.project, "--filter", "label=com.docker.compose.service="+service)
		return &enginetest.Container{ID: id, Name: id}
	}
	vpn, client := of("vpn"), of("client")
	before := enginetest.Docker(t, "inspect", "-f", "{{.State.StartedAt}}", client.ID)
	a.start()
	a.succeeded(a.run("vpn"))
	if got, want := client.Exec(t, "readlink", "/proc/self/ns/net"), vpn.Exec(t, "readlink", "/proc/self/ns/net"); got != want {
		t.Errorf("after the run the client lives in the network %s, the vpn in %s", got, want)
	}
	if enginetest.Docker(t, "inspect", "-f", "{{.State.StartedAt}}", client.ID) == before {
		t.Error("the client was not restarted, so this proves nothing")
	}
}

func TestQuiesce_WhatCouldNotBeBroughtBackComesBackInOrder(t *testing.T) {
	s := newStack(t)
	s.add("db", "", heldFiles())
	s.add("api", "db:service_started:true", nil)
	s.add("web", "api:service_started:false", nil)
	e := s.listening()
	ask := e.start
	away := true
	e.start = func(ctx context.Context, id string) error {
		if away {
			return errors.New("the engine is away")
		}
		return ask(ctx, id)
	}
	s.start(tap(e))
	s.failedWith(s.run("db"), "hold")
	if got := len(s.journal()); got != 3 {
		t.Fatalf("the journal holds %d entries, want one for each of the three", got)
	}
	s.wantAsked("stop web", "stop api", "stop db")
	away = false
	s.must(s.runner.Replay(t.Context()))
	s.wantAsked("start db", "start api", "start web")
	s.allBack(nil)
}

func TestQuiesce_WhatNeedsAContainerThatMayYetGoDownWaitsForIt(t *testing.T) {
	s := newStack(t)
	s.add("vpn", "", heldFiles())
	s.add("client", "", nil, "--network", "container:"+s.containers["vpn"].ID)
	e := s.listening()
	ask := e.stop
	down := make(chan error, 1)
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		if id != s.containers["vpn"].ID {
			return ask(ctx, id, grace)
		}
		go func() { down <- ask(context.WithoutCancel(ctx), id, grace) }()
		return errors.New("the engine's answer was lost")
	}
	s.start(tap(e))
	s.failedWith(s.run("vpn"), "hold")
	s.must(<-down)
	s.wantAsked("stop client", "stop vpn")
	s.must(s.runner.Replay(t.Context()))
	s.wantAsked("start vpn", "start client")
	s.allBack(nil)
	net := func(name string) string { return s.containers[name].Exec(t, "readlink", "/proc/self/ns/net") }
	if net("client") != net("vpn") {
		t.Error("the client came back into a network that is gone")
	}
}

func TestQuiesce_OneThatWouldNotComeBackIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	s := newStack(t)
	s.add("db", "", heldFiles())
	s.add("api", "db:service_started:true", nil)
	s.add("console", "db:service_started:true", nil, "--rm")
	s.start(tap(s.listening()))
	run := s.run("db")
	s.failedWith(run, "hold")
	if !strings.Contains(run.Error, "--rm") {
		t.Errorf("error: %s", run.Error)
	}
	s.wantAsked()
	s.allBack(nil)
}

// ourselves makes the runner believe that it runs in the container.
func ourselves(t *testing.T, c *enginetest.Container) func(*runner.Config) {
	return func(cfg *runner.Config) {
		cfg.Own = func() (strategy.Info, bool) {
			info, err := cfg.Engine.Inspect(t.Context(), c.ID)
			return info, err == nil
		}
	}
}

func TestQuiesce_NeverStopsItself(t *testing.T) {
	s := newStack(t)
	s.add("db", "", heldFiles())
	own := s.add("backup", "db:service_started:false", nil)
	s.add("api", "db:service_started:false,backup:service_started:false", nil)
	s.start(tap(s.listening()), ourselves(t, own))
	s.succeeded(s.run("db"))
	s.wantAsked("stop api", "stop db", "start db", "start api")
	s.allBack(nil)
}

func TestQuiesce_InTheNetworkOfWhatItBacksUpIsRefused(t *testing.T) {
	s := newStack(t)
	vpn := s.add("vpn", "", heldFiles())
	own := s.add("backup", "", nil, "--network", "container:"+vpn.ID)
	s.start(tap(s.listening()), ourselves(t, own))
	run := s.run("vpn")
	s.failedWith(run, "hold")
	if !strings.Contains(run.Error, "quiesce=pause") {
		t.Errorf("error: %s", run.Error)
	}
	s.wantAsked()
	s.allBack(nil)
}

func TestQuiesce_APauseTouchesNobodyElse(t *testing.T) {
	s := newStack(t)
	keys := heldFiles()
	keys["quiesce"] = "pause"
	delete(keys, "stop-timeout")
	s.add("db", "", keys)
	s.add("api", "db:service_started:true", nil)
	s.start(tap(s.listening()))
	s.succeeded(s.run("db"))
	s.wantAsked()
	s.allBack(nil)
}

func TestRestore_StopsWhatNeedsTheContainerToo(t *testing.T) {
	s := newStack(t)
	keys := heldFiles()
	maps.DeleteFunc(keys, func(k, _ string) bool { return k == "quiesce" || k == "stop-timeout" })
	vpn := s.add("vpn", "", keys)
	s.add("client", "", nil, "--network", "container:"+vpn.ID)
	s.start(tap(s.listening()))
	s.succeeded(s.run("vpn"))
	plan, err := s.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: s.project, Service: "vpn"})
	s.must(err)
	if want := []string{s.containers["client"].Name, vpn.Name}; !slices.Equal(plan.Stops, want) {
		t.Errorf("the plan stops %v, want %v", plan.Stops, want)
	}
	if row := s.restore(runner.RestoreRequest{Service: "vpn", NoSafety: true}); row.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	s.wantAsked("stop client", "stop vpn", "start vpn", "start client")
	s.allBack(nil)
}
