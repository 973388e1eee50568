package runner

import "context"

// Replay works the journal off now, as maintenance does every half minute.
func (r *Runner) Replay(ctx context.Context) error {
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return err
	}
	return r.replay(ctx, entries)
}
