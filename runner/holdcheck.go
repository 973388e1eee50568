package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/store"
)

// errNotHeld is a container that did not stay as it was held: what was read meanwhile may be of no one moment.
var errNotHeld = errors.New("it was to stay down until its files were read")

// stayedHeld says which of the containers did not stay stopped, or paused, since they were held. Somebody started it:
// a person, or the tool that looks after the project.
func (r *Runner) stayedHeld(ctx context.Context, entries []store.Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	var errs []error
	for _, e := range entries {
		info, err := r.cfg.Engine.Inspect(ctx, e.Container)
		began := noteOf(e).Started
		switch {
		case err != nil:
			continue // gone, or the engine is away: bringing it back tells
		case info.State == "running" || info.State == "restarting" || e.Kind == journalStopped && info.State == "paused":
			errs = append(errs, fmt.Errorf("container %s was %s by this run and is %s again, started by somebody else: %w", info.Name, e.Kind, info.State, errNotHeld))
		case !began.IsZero() && !info.StartedAt.Equal(began):
			errs = append(errs, fmt.Errorf("container %s was %s by this run and was started by somebody else at %s: %w", info.Name, e.Kind, info.StartedAt.Format(time.TimeOnly), errNotHeld))
		}
	}
	return errors.Join(errs...)
}

// startedAt is when the container that is about to be held was started: it may have been held before, and brought
// back, since it was looked up. Zero when that cannot be told.
func (r *Runner) startedAt(ctx context.Context, id string) time.Time {
	info, err := r.cfg.Engine.Inspect(ctx, id)
	if err != nil {
		return time.Time{} // what is wrong shows when it is held
	}
	return info.StartedAt
}
