package docker

import (
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/simpledeploy/backup/runner/strategy"
)

// explain names what was tried and, where there is one, the remedy.
func (e *Engine) explain(what string, err error) error {
	switch {
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w: %w", what, strategy.ErrNoContainer, err)
	case cerrdefs.IsPermissionDenied(err), cerrdefs.IsUnauthorized(err):
		return fmt.Errorf("%s: refused; if a socket proxy stands before the engine, it must allow this (docs: socket proxy): %w", what, err)
	case client.IsErrConnectionFailed(err):
		return fmt.Errorf("%s: the container engine does not answer at %s; is it running, and is its socket mounted? %w", what, e.cli.DaemonHost(), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
