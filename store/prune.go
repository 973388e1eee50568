package store

import (
	"context"
	"database/sql"
	"time"
)

// pruneBatch bounds a transaction, so that a run's own writes never wait long for it.
const pruneBatch = 500

// Runs that are open, pinned, held by a target or still to be copied there stay, whatever their age.
const oldRuns = `SELECT id, project, service, job FROM runs WHERE queued_at < ? AND state NOT IN ('queued', 'running') AND pinned = 0
	AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.run_id = runs.id AND (a.held = 1 OR a.state = 'due')) ORDER BY queued_at, id LIMIT ?`

// PruneHistory deletes the rows of runs that are older than before and of which nothing exists any more, finished
// restores and events of that age, and returns how many runs it deleted. Backups are never touched.
func (s *Store) PruneHistory(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		n, err := s.pruneRuns(ctx, before)
		total += n
		if err != nil {
			return total, err
		}
		if n < pruneBatch {
			break
		}
	}
	for _, query := range []string{
		"DELETE FROM restores WHERE id IN (SELECT id FROM restores WHERE started_at < ? AND finished_at IS NOT NULL LIMIT ?)",
		"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? LIMIT ?)",
		pruneGroups,
	} {
		for {
			n, err := s.exec(ctx, "prune history", query, millis(before), pruneBatch)
			if err != nil {
				return total, err
			}
			if n < pruneBatch {
				break
			}
		}
	}
	return total, nil
}

func (s *Store) pruneRuns(ctx context.Context, before time.Time) (int, error) {
	var old []Run
	err := s.tx(ctx, "prune history", func(tx *sql.Tx) error {
		var err error
		old, err = collect(ctx, tx, func(row scanner) (r Run, err error) {
			return r, row.Scan(&r.ID, &r.Project, &r.Service, &r.Job)
		}, oldRuns, millis(before), pruneBatch)
		if err != nil {
			return err
		}
		jobs := map[string]Run{}
		for _, r := range old {
			if _, err := tx.ExecContext(ctx, "DELETE FROM runs WHERE id = ?", r.ID); err != nil {
				return err
			}
			jobs[r.JobID()] = r
		}
		for _, r := range jobs {
			if err := s.summarizeRuns(ctx, tx, r.Project, r.Service, r.Job); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM summaries WHERE latest_run IS NULL")
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(old), nil
}
