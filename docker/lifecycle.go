package docker

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Stop stops a container and returns nil only when the engine confirms that it does not run. grace is the time
// between the request and the kill; 0 takes the container's own. What is stopped already is a success.
func (e *Engine) Stop(ctx context.Context, id string, grace time.Duration) error {
	opt := container.StopOptions{}
	if grace > 0 {
		seconds := int(math.Ceil(grace.Seconds()))
		opt.Timeout = &seconds
	}
	return e.change(ctx, "stop", id, func() error { return e.cli.ContainerStop(ctx, id, opt) },
		func(s *container.State) bool { return !s.Running && !s.Restarting })
}

// Start starts a container and returns nil only when the engine confirms that it runs.
func (e *Engine) Start(ctx context.Context, id string) error {
	return e.change(ctx, "start", id, func() error { return e.cli.ContainerStart(ctx, id, container.StartOptions{}) },
		func(s *container.State) bool { return s.Running })
}

// Pause freezes a running container. One that is frozen already is a success. On a busy host the runtime may find
// it "unable to freeze" and undo what it did; that is tried again.
func (e *Engine) Pause(ctx context.Context, id string) error {
	pause := func() error {
		err := e.cli.ContainerPause(ctx, id)
		for range 2 {
			if err == nil || !strings.Contains(err.Error(), "unable to freeze") {
				break
			}
			sleep(ctx, time.Second)
			err = e.cli.ContainerPause(ctx, id)
		}
		return err
	}
	return e.change(ctx, "pause", id, pause,
		func(s *container.State) bool { return s.Running && s.Paused })
}

// Unpause lets a frozen container go on. One that runs already is a success.
func (e *Engine) Unpause(ctx context.Context, id string) error {
	return e.change(ctx, "unpause", id, func() error { return e.cli.ContainerUnpause(ctx, id) },
		func(s *container.State) bool { return s.Running && !s.Paused })
}

// change acts, then looks: the state counts, not the answer. So an action that is refused because it was done
// already is a success, and one whose answer was lost is judged by what it did.
func (e *Engine) change(ctx context.Context, what, id string, act func() error, reached func(*container.State) bool) error {
	what = fmt.Sprintf("%s container %s", what, short(id))
	actErr := act()
	r, err := e.cli.ContainerInspect(ctx, id)
	switch {
	case actErr != nil && (err != nil || !reached(r.State)):
		return e.explain(what, actErr)
	case err != nil:
		return e.explain(what+": confirm", err)
	case !reached(r.State):
		return fmt.Errorf("%s: the engine says it is done, but the container is %s (exit code %d)", what, r.State.Status, r.State.ExitCode)
	}
	return nil
}
