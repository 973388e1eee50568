package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
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
	if len(s.online) == 0 || s.online[len(s.online)-1] != ok {
		s.online = append(s.online, ok)
	}
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
	for _, step := range []struct{ command, state string }{
		{"pause", "paused"}, {"unpause", "running"}, {"stop", "exited"}, {"start", "running"},
	} {
		enginetest.Docker(t, step.command, c.ID)
		eventually(t, step.command, func() bool { return s.state(c.ID) == step.state })
	}
	enginetest.Docker(t, "rm", "--force", c.ID)
	eventually(t, "gone", func() bool { return s.state(c.ID) == "" })
}

func TestWatch_ComesBackWithTheEngine(t *testing.T) {
	proxy := enginetest.NewProxy(t)
	s := &seen{}
	e := connectVia(t, proxy, func(o *docker.Options) { o.OnConnection = s.connection })
	watch(t, e, s)
	proxy.Stop()
	eventually(t, "the loss is told", func() bool { return len(s.connections()) == 2 })
	c := idle(t)
	proxy.Start(t)
	eventually(t, "what was missed is seen", func() bool { return s.state(c.ID) == "running" })
	if got := s.connections(); !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("connections: %v", got)
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

func TestLifecycle_TellsTheTruth(t *testing.T) {
	e, c := connect(t), idle(t)
	ctx := t.Context()
	state := func() string {
		info, err := e.Inspect(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return info.State
	}
	steps := []struct {
		name string
		act  func() error
		want string
	}{
		{"pause", func() error { return e.Pause(ctx, c.ID) }, "paused"},
		{"pause again", func() error { return e.Pause(ctx, c.ID) }, "paused"},
		{"unpause", func() error { return e.Unpause(ctx, c.ID) }, "running"},
		{"unpause again", func() error { return e.Unpause(ctx, c.ID) }, "running"},
		{"stop", func() error { return e.Stop(ctx, c.ID, 0) }, "exited"},
		{"stop again", func() error { return e.Stop(ctx, c.ID, time.Millisecond) }, "exited"},
		{"start", func() error { return e.Start(ctx, c.ID) }, "running"},
		{"start again", func() error { return e.Start(ctx, c.ID) }, "running"},
	}
	for _, s := range steps {
		if err := s.act(); err != nil || state() != s.want {
			t.Errorf("%s: %v, now %s", s.name, err, state())
		}
	}
	enginetest.Docker(t, "stop", c.ID)
	wantError(t, e.Pause(ctx, c.ID), "not running")
	wantError(t, e.Unpause(ctx, c.ID), c.ID[:12])
	enginetest.Docker(t, "rm", c.ID)
	if err := e.Stop(ctx, c.ID, 0); !errors.Is(err, strategy.ErrNoContainer) {
		t.Errorf("stop of a container that is gone: %v", err)
	}
}

func TestInspect_TellsStopTimeoutAndAutoRemove(t *testing.T) {
	e := connect(t)
	c := idle(t, func(o *enginetest.RunOptions) { o.Args = []string{"--rm", "--stop-timeout", "42"} })
	info, err := e.Inspect(t.Context(), c.Name)
	if err != nil {
		t.Fatal(err)
	}
	if info.ID != c.ID || info.Name != c.Name || info.StopTimeout != 42*time.Second || !info.AutoRemove || info.Image == "" {
		t.Errorf("got %+v", info)
	}
	// A stop that removes the container has not left it stopped.
	if err := e.Stop(t.Context(), c.ID, 0); err != nil && !errors.Is(err, strategy.ErrNoContainer) {
		t.Error(err)
	}
	eventually(t, "the engine has removed it", func() bool {
		_, err := e.Inspect(t.Context(), c.ID)
		return errors.Is(err, strategy.ErrNoContainer)
	})
	if _, err := e.Inspect(t.Context(), "no-such-container"); !errors.Is(err, strategy.ErrNoContainer) {
		t.Errorf("error: %v", err)
	}
}

func TestMountedBy_RunningAndPausedOnes(t *testing.T) {
	e := connect(t)
	v := enginetest.Volume(t)
	mounts := func(o *enginetest.RunOptions) { o.Volumes = []string{v + ":/elsewhere"} }
	running, paused, stopped := idle(t, mounts), idle(t, mounts), idle(t, mounts)
	idle(t) // mounts nothing
	enginetest.Docker(t, "pause", paused.ID)
	enginetest.Docker(t, "stop", stopped.ID)
	users, err := e.MountedBy(t.Context(), []strategy.Mount{{Type: "volume", Name: v}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range users {
		got = append(got, u.ID)
	}
	want := []string{running.ID, paused.ID}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRivals_EarlierOnesThatOverlap(t *testing.T) {
	own := "rivals-" + strings.ToLower(t.Name())
	start := func(env ...string) *enginetest.Container {
		return idle(t, func(o *enginetest.RunOptions) {
			o.Env = append(env, "SIMPLEDEPLOY_LABEL_PREFIX="+own)
			o.Labels = map[string]string{docker.RoleLabel: docker.RoleAppliance, "com.docker.compose.project": "home"}
		})
	}
	all, shop, home := start(), start("SIMPLEDEPLOY_PROJECTS=shop, blog"), start("SIMPLEDEPLOY_PROJECTS=self")
	e := connect(t) // we are here since now
	later := start()
	cases := map[string]struct {
		us   docker.Self
		want []*enginetest.Container
	}{
		"all":            {docker.Self{Prefix: own}, []*enginetest.Container{all, shop, home}},
		"one project":    {docker.Self{Prefix: own, Scope: []string{"blog"}}, []*enginetest.Container{all, shop}},
		"theirs":         {docker.Self{Prefix: own, Scope: []string{"home"}}, []*enginetest.Container{all, home}},
		"another prefix": {docker.Self{Prefix: own + "x"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rivals, err := e.Rivals(t.Context(), c.us)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, r := range rivals {
				got = append(got, r.Name)
				if r.ID == later.ID || !strings.Contains(r.String(), "SIMPLEDEPLOY_PROJECTS") {
					t.Errorf("rival: %s", r)
				}
			}
			for _, w := range c.want {
				want = append(want, w.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// The appliance finds itself in its container whatever its host name is, and so its helper's image and the place of
// its sockets on the host.
func TestSelf_InsideAContainer(t *testing.T) {
	image := enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/inside")
	target, _ := withVolume(t)
	cases := map[string]struct {
		volumes, args []string
		socket        bool
	}{
		"data on a volume":   {[]string{enginetest.Volume(t) + ":/data"}, nil, true},
		"data on a bind":     {[]string{t.TempDir() + ":/data"}, nil, true},
		"name of its own":    {[]string{enginetest.Volume(t) + ":/data"}, []string{"--hostname", "db"}, true},
		"network of another": {[]string{enginetest.Volume(t) + ":/data"}, []string{"--network", "container:" + target.Name}, true},
		"data in memory":     {nil, []string{"--tmpfs", "/data"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			appliance := enginetest.Run(t, enginetest.RunOptions{Image: image, Args: c.args, Cmd: []string{target.ID},
				Volumes: append(c.volumes, "/var/run/docker.sock:/var/run/docker.sock")})
			if code := dockerOut(t, "wait", appliance.ID); code != "0" {
				t.Fatalf("exit code %s: %s", code, appliance.Logs(t))
			}
			var got struct {
				Self, Echo string
				Socket     bool
			}
			if err := json.Unmarshal([]byte(appliance.Logs(t)), &got); err != nil {
				t.Fatal(err)
			}
			if got.Self != appliance.ID || got.Echo != "hello" || got.Socket != c.socket {
				t.Errorf("got %+v", got)
			}
		})
	}
}
