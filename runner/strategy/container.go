package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Container is the port through which a strategy reaches its service. The docker package implements it.
type Container interface {
	// Info is what the engine told when the port was made.
	Info() Info
	// Exec runs one command inside the container and returns nil only when its streams have ended and the engine
	// confirmed exit code 0. When ctx ends, the command inside the container is ended too. A non-zero exit is an
	// *ExitError.
	Exec(ctx context.Context, cmd Command) error
	// Help runs the helper container beside this one and returns nil only when its trailer has arrived.
	Help(ctx context.Context, cmd HelperCommand) error
}

// Command is one command inside the container.
type Command struct {
	Args []string // argv: never holds a secret
	Env  []string // KEY=value, added to the container's own
	// OwnArgs names a variable that is given the container's own command line as it was configured, an argument a
	// line. It may hold a secret, and goes from the engine straight back into the container. Empty: not wanted.
	OwnArgs string
	User    string // empty: the container's own
	// Created is told the engine's id of the command before it starts; its error keeps it from starting. nil: nobody asks.
	Created func(id string) error
	Stdin   io.Reader // nil: none. An error from Stdin other than io.EOF ends the command and is returned.
	Stdout  io.Writer // nil: discarded
	Stderr  io.Writer // nil: only the tail, for the error
}

// HelperCommand is one operation of the helper program (see runner/helper) on paths of the container.
type HelperCommand struct {
	Op       string   // what the helper program shall do: its operations
	Args     any      // JSON for the operation; never holds a secret
	Paths    []string // absolute container paths; each must lie on a mount
	Writable bool     // mounts are read-only otherwise
	// Database lets the operation open database files as their owner would: mounts are writable where the container
	// itself may write (everywhere with Writable), it may act as a file's owner, and it gets an empty folder for copies
	// that is gone with it.
	Database bool
	Stdin    io.Reader
	Stdout   io.Writer
	Trailer  any // pointer, filled from the trailer's JSON; nil: ignored

	Started func(time.Duration) // told how long the helper took until it was ready; nil: nobody asks
}

// Info is one container as the engine describes it.
type Info struct {
	ID          string
	Name        string // without the leading slash
	Image       string // as configured
	ImageID     string
	ImageDigest string // repo digest where known (only after Inspect)
	Labels      map[string]string
	State       string // created, running, paused, restarting, removing, exited, dead
	Mounts      []Mount
	StopTimeout time.Duration // 0: not set (only after Inspect)
	AutoRemove  bool          // --rm: a stop would delete it (only after Inspect)
	StartedAt   time.Time     // when it was last started (only after Inspect)
	Health      string        // starting, healthy, unhealthy; empty: no probe (only after Inspect)
	Shares      []string      // ids or names of containers in whose namespaces it lives (a list tells of networks only)
}

// Mount is one mount of a container.
type Mount struct {
	Type        string // volume, bind, tmpfs, …
	Name        string
	Source      string
	Destination string
	ReadWrite   bool
}

// ExitError is a command that ran and said no.
type ExitError struct {
	Code   int
	Stderr string // its tail, bounded

	// Missing: the container has no such program, or it cannot be run; nothing of it has been run.
	Missing bool
}

// Error tells what the command said last, or at least how it ended.
func (e *ExitError) Error() string {
	switch {
	case e.Stderr != "":
		return fmt.Sprintf("exit code %d: %s", e.Code, e.Stderr)
	case e.Code == 137:
		return "exit code 137: killed (by hand, with its container, or for lack of memory)"
	default:
		return fmt.Sprintf("exit code %d", e.Code)
	}
}

// ErrNoShell is a command that needs a shell in a container that has none.
var ErrNoShell = errors.New("the image has no shell (sh), and this strategy runs its tools through one: use an image with a shell, or the strategy volume, which needs none")

// ErrNoContainer is a container that the engine does not know (any more).
var ErrNoContainer = errors.New("no such container")
