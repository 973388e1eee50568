package runner

import "context"

// Replay works the journal off now, as maintenance does every half minute.
func (r *Runner) Replay(ctx context.Context) error { return r.replayJournal(ctx) }
