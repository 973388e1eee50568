package runner

import (
	"context"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Engine is the container engine as the runner needs it. The docker package implements it.
type Engine interface {
	Watcher
	Containers
	Lifecycle
}

// Watcher hands over what runs on the engine, again and again.
type Watcher interface {
	// Watch calls seen with a full snapshot at first and after every relevant change, until ctx ends.
	// It reconnects by itself.
	Watch(ctx context.Context, seen func([]strategy.Info)) error
	// Ping says whether the engine answers.
	Ping(ctx context.Context) error
	// RemoveLeftovers removes helper containers of this store that an earlier process left behind.
	RemoveLeftovers(ctx context.Context) error
}

// Containers looks containers up at the moment they are needed.
type Containers interface {
	List(ctx context.Context) ([]strategy.Info, error)
	// Inspect tells all of one container; strategy.ErrNoContainer when it is gone.
	Inspect(ctx context.Context, id string) (strategy.Info, error)
	// Container is the port through which strategies reach it.
	Container(info strategy.Info) strategy.Container
	// ExecRunning says whether a command that was begun in a container is still under way there. One that the engine
	// does not know any more is over.
	ExecRunning(ctx context.Context, id string) (bool, error)
	// MountedBy lists the running or paused containers that share any of these mounts.
	MountedBy(ctx context.Context, mounts []strategy.Mount) ([]strategy.Info, error)
}

// Lifecycle stops and brings back. Each call returns once the engine confirms the new state.
type Lifecycle interface {
	Stop(ctx context.Context, id string, grace time.Duration) error // grace 0: the container's own
	Start(ctx context.Context, id string) error
	Pause(ctx context.Context, id string) error
	Unpause(ctx context.Context, id string) error
}
