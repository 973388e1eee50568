package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/store"
)

const pausedSetting = "paused_until"

// Pause lets no schedule fire until then. Manual runs, restores and due copies go on.
func (r *Runner) Pause(ctx context.Context, until time.Time) error {
	if err := r.cfg.Store.SetSetting(ctx, pausedSetting, until.UTC().Format(time.RFC3339)); err != nil {
		return fmt.Errorf("record the pause: %w", err)
	}
	r.paused.Store(until.UnixMilli())
	return r.cfg.Store.AppendEvent(ctx, store.Event{Actor: "owner", Kind: "paused", Text: "schedules paused until " + until.UTC().Format(time.RFC3339)})
}

// Resume ends a pause now.
func (r *Runner) Resume(ctx context.Context) error {
	if err := r.cfg.Store.SetSetting(ctx, pausedSetting, ""); err != nil {
		return fmt.Errorf("record the end of the pause: %w", err)
	}
	r.paused.Store(0)
	return r.cfg.Store.AppendEvent(ctx, store.Event{Actor: "owner", Kind: "resumed", Text: "schedules resumed"})
}

// PausedUntil is zero when schedules are not paused.
func (r *Runner) PausedUntil() time.Time {
	ms := r.paused.Load()
	if until := time.UnixMilli(ms); ms != 0 && until.After(r.now()) {
		return until.UTC()
	}
	return time.Time{}
}

// loadPause takes up a pause that an earlier process was given.
func (r *Runner) loadPause(ctx context.Context) error {
	text, err := r.cfg.Store.Setting(ctx, pausedSetting)
	if errors.Is(err, store.ErrNotFound) || err == nil && text == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the pause: %w", err)
	}
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("read the pause %q: %w", text, err)
	}
	r.paused.Store(until.UnixMilli())
	return nil
}
