package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/simpledeploy/backup/store"
)

// Replay works the journal off now, as maintenance does every half minute.
func (r *Runner) Replay(ctx context.Context) error {
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return err
	}
	return r.replay(ctx, entries)
}

// ShrunkBetween compares two backups by their proofs and raw sizes.
func ShrunkBetween(was, is string, rawWas, raw int64) string {
	return shrunk(proven{runID: "before1", proof: json.RawMessage(was), raw: rawWas}, proven{proof: json.RawMessage(is), raw: raw})
}

// WhyOverdue is the sentence about a job that misses its rpo.
func WhyOverdue(row store.Job, rpo time.Duration, now time.Time) string {
	return whyOverdue(row, rpo, now)
}
