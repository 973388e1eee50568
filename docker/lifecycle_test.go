package docker_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

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

func TestInspect_TellsHealthAndWhoseNamespacesItLivesIn(t *testing.T) {
	e := connect(t)
	host := idle(t, func(o *enginetest.RunOptions) {
		o.Args = []string{"--ipc", "shareable", "--health-cmd", "true", "--health-interval", "1h"}
	})
	guest := idle(t, func(o *enginetest.RunOptions) {
		o.Args = []string{"--network", "container:" + host.Name, "--ipc", "container:" + host.Name, "--pid", "container:" + host.Name}
	})
	of := func(infos []strategy.Info, err error, id string) strategy.Info {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return infos[slices.IndexFunc(infos, func(i strategy.Info) bool { return i.ID == id })]
	}
	all, err := e.List(t.Context())
	lives := of(all, err, guest.ID)
	if len(lives.Shares) != 1 || lives.Shares[0] != host.ID && lives.Shares[0] != host.Name {
		t.Errorf("in the list the guest lives in %q, want the network of %s", lives.Shares, host.ID)
	}
	if lives := of(all, err, host.ID); len(lives.Shares) > 0 {
		t.Errorf("in the list the host lives in %q", lives.Shares)
	}
	info, err := e.Inspect(t.Context(), guest.ID)
	if err != nil || info.Health != "" || !slices.ContainsFunc(info.Shares, func(s string) bool { return s == host.ID || s == host.Name }) {
		t.Errorf("the guest: %v, health %q, lives in %q", err, info.Health, info.Shares)
	}
	info, err = e.Inspect(t.Context(), host.ID)
	if err != nil || info.Health != "starting" || len(info.Shares) > 0 {
		t.Errorf("the host: %v, health %q, lives in %q", err, info.Health, info.Shares)
	}
}
