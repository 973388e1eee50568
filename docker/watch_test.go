package docker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// seen collects what a watch hands over.
type seen struct {
	mu     sync.Mutex
	last   []strategy.Info
	count  int
	online []bool
}

func (s *seen) snapshot(all []strategy.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.count = all, s.count+1
}

func (s *seen) connection(ok bool, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.online = append(s.online, ok)
}

func (s *seen) state(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.last, func(c strategy.Info) bool { return c.ID == id })
	if i < 0 {
		return ""
	}
	return s.last[i].State
}

func (s *seen) connections() []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.online)
}

// watch runs until the test ends.
func watch(t *testing.T, e *docker.Engine, s *seen) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Watch(ctx, s.snapshot) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch ended with %v", err)
		}
	})
	eventually(t, "the first snapshot", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.count > 0 })
}

func TestWatch_FollowsAContainersLife(t *testing.T) {
	s := &seen{}
	e := connect(t, func(o *docker.Options) { o.OnConnection = s.connection })
	watch(t, e, s)
	c := idle(t, func(o *enginetest.RunOptions) { o.Labels = map[string]string{"simpledeploy.backup.schedule": "@daily"} })
	began := time.Now()
	eventually(t, "running", func() bool { return s.state(c.ID) == "running" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a new container was seen after %s", took)
	}
	for _, step := range []struct {
		act   func(context.Context, string) error
		state string
	}{
		{e.Pause, "paused"}, {e.Unpause, "running"},
		{func(ctx context.Context, id string) error { return e.Stop(ctx, id, 0) }, "exited"}, {e.Start, "running"},
	} {
		if err := step.act(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, step.state, func() bool { return s.state(c.ID) == step.state })
	}
	enginetest.Docker(t, "rm", "--force", c.ID)
	eventually(t, "gone", func() bool { return s.state(c.ID) == "" })
}

func TestWatch_ComesBackWithTheEngine(t *testing.T) {
	proxy := enginetest.NewProxy(t)
	s := &seen{}
	e := connectVia(t, proxy, func(o *docker.Options) { o.OnConnection = s.connection })
	watch(t, e, s)
	first := idle(t)
	eventually(t, "a change is seen", func() bool { return s.state(first.ID) == "running" })
	proxy.Stop()
	eventually(t, "the loss is told", func() bool { return len(s.connections()) == 1 })
	c := idle(t)
	proxy.Start(t)
	eventually(t, "what was missed is seen", func() bool { return s.state(c.ID) == "running" })
	if got := s.connections(); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("told %v; each change must be told once, and nothing else", got)
	}
}

// The rules are what the documentation tells users to allow, and all that any of these actions may need.
func TestProxy_ActionsNeedOnlyWhatIsDocumented(t *testing.T) {
	proxy := enginetest.NewProxy(t,
		"(GET|HEAD) /_ping", "GET /events", "GET /containers/json", "GET /containers/[^/]+/json", "GET /images/[^/]+/json",
		"POST /containers/[^/]+/exec", "POST /exec/[^/]+/start", "GET /exec/[^/]+/json",
		"POST /containers/[^/]+/(start|stop|pause|unpause)",
		"POST /containers/create", "POST /containers/[^/]+/(attach|wait)", "DELETE /containers/[^/]+",
	)
	image := enginetest.ProgramImage(t, oddHelper)
	s := &seen{}
	e := connectVia(t, proxy, func(o *docker.Options) { o.HelperImage = image })
	c, _ := withVolume(t)
	watch(t, e, s)
	p := port(t, e, c)
	err := errors.Join(
		p.Exec(t.Context(), strategy.Command{Args: []string{"true"}}),
		p.Help(t.Context(), strategy.HelperCommand{Op: "read", Paths: []string{"/data/sub/file"}}),
		e.Pause(t.Context(), c.ID), e.Unpause(t.Context(), c.ID),
		e.Stop(t.Context(), c.ID, time.Second), e.Start(t.Context(), c.ID),
		e.RemoveLeftovers(t.Context()),
	)
	if err != nil {
		t.Error(err)
	}
	if refused := proxy.Refused(); len(refused) > 0 {
		t.Errorf("asked for more: %v", refused)
	}
}

func TestProxy_RefusalSaysWhatToDo(t *testing.T) {
	proxy := enginetest.NewProxy(t, "(GET|HEAD) /_ping", "GET /containers/.*json")
	e, c := connectVia(t, proxy), idle(t)
	wantError(t, e.Stop(t.Context(), c.ID, 0), "socket proxy")
	wantError(t, port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"true"}}), "socket proxy")
	_, err := e.Name(t.Context())
	wantError(t, err, "socket proxy")
}
