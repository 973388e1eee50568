package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/target"
)

// checkTimeout bounds the question whether a target answers at all.
const checkTimeout = 15 * time.Second

// firstFit is the first target of order that answers, belongs to us and has room. The error names all that are not
// fit, with the reason of each.
func (r *Runner) firstFit(ctx context.Context, job labels.Job, order []string) (*target.Target, error) {
	var errs []error
	retry, space := false, true
	expected := r.lastBackup(ctx, job.ID()).StoredBytes
	for _, name := range order {
		t, err := r.fitTarget(ctx, name, expected)
		if err == nil {
			err = takesStreams(ctx, t)
		}
		if err == nil {
			return t, nil
		}
		errs = append(errs, err)
		retry = retry || target.IsRetryable(err)
		space = space && errors.Is(err, target.ErrNoSpace)
	}
	err := fmt.Errorf("no target is fit to take the backup (%s): %w", strings.Join(order, ", "), errors.Join(errs...))
	if space {
		return nil, failed(causeSpace, false, err)
	}
	return nil, failed(causeTarget, retry, err)
}

// takesStreams refuses a target that would need to know the size beforehand: it can only get copies.
func takesStreams(ctx context.Context, t *target.Target) error {
	if ok, err := t.Streams(ctx); err != nil || ok {
		return err
	}
	return fmt.Errorf("target %s: %w", t.Name(), target.ErrSizeNeeded)
}

// fitTarget checks one target: it answers, its folder is ours, and bytes more leave enough room.
func (r *Runner) fitTarget(ctx context.Context, name string, bytes int64) (*target.Target, error) {
	t, ok := r.cfg.Targets.Get(name)
	if !ok {
		return nil, fmt.Errorf("target %s is not defined; set SIMPLEDEPLOY_TARGET_%s", name, strings.ToUpper(name))
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := t.Check(ctx); err != nil {
		return nil, err
	}
	if err := r.claim(ctx, t); err != nil {
		return nil, err
	}
	if !t.Local() {
		return t, nil
	}
	free, known, err := t.Free(ctx)
	if err != nil {
		return nil, err
	}
	if known && free-bytes < r.cfg.MinFree {
		return nil, fmt.Errorf("target %s: %s are free and about %s are needed, which would leave less than %s; make room or lower SIMPLEDEPLOY_MIN_FREE: %w",
			name, humanize.IBytes(uint64(max(free, 0))), humanize.IBytes(uint64(bytes)), humanize.IBytes(uint64(r.cfg.MinFree)), target.ErrNoSpace)
	}
	return t, nil
}

// claim sees that the folder on the target is ours, and marks it the first time. A target that the record says holds
// backups, and that shows no mark, is not the storage that it was: most often it is not mounted.
func (r *Runner) claim(ctx context.Context, t *target.Target) error {
	err := t.Claimed(ctx, r.cfg.Store.Instance(), r.cfg.Store.ID())
	if !errors.Is(err, target.ErrNotFound) {
		return err
	}
	held, err := r.cfg.Store.HeldOn(ctx, t.Name())
	if err != nil {
		return err
	}
	if held {
		return fmt.Errorf("target %s: the record has backups there, but the folder of this host is not: is the storage mounted? If it was emptied on purpose, `rescan --adopt %s` begins anew", t.Name(), t.Name())
	}
	return t.Claim(ctx, r.cfg.Store.Instance(), r.cfg.Store.ID(), false)
}

// Adopt takes over the instance's folder on a target that another appliance claimed: a rebuilt host's own.
func (r *Runner) Adopt(ctx context.Context, name string) error {
	t, ok := r.cfg.Targets.Get(name)
	if !ok {
		return &NotFoundError{What: fmt.Sprintf("no target %s; there are: %s", name, strings.Join(r.cfg.Targets.Names(), ", "))}
	}
	return t.Claim(ctx, r.cfg.Store.Instance(), r.cfg.Store.ID(), true)
}
