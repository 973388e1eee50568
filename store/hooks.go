package store

import (
	"context"
	"database/sql"
	"time"
)

const hookColumns = "run_id, attempt, name, state, exit_code, output, truncated, took, error, at"

const hooksOfRun = "SELECT " + hookColumns + " FROM hooks WHERE run_id = ? ORDER BY at, attempt, name DESC"

func scanHook(row scanner) (h Hook, err error) {
	var took int64
	err = row.Scan(&h.RunID, &h.Attempt, &h.Name, &h.State, &h.ExitCode, &h.Output, &h.Truncated, &took, &h.Error, timeColumn{&h.At})
	h.Took = time.Duration(took) * time.Millisecond
	return h, err
}

// PutHook writes what became of a hook of one attempt; the same hook of the same attempt is written over. A zero At is
// now. ErrNotFound when there is no such run.
func (s *Store) PutHook(ctx context.Context, h Hook) error {
	h.At = orNow(h.At, s.now())
	return s.tx(ctx, "write hook "+h.Name+" of run "+h.RunID, func(tx *sql.Tx) error {
		instance, err := one(ctx, tx, func(row scanner) (v string, err error) { return v, row.Scan(&v) }, "SELECT instance FROM runs WHERE id = ?", h.RunID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO hooks (instance, "+hookColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			instance, h.RunID, h.Attempt, h.Name, h.State, h.ExitCode, h.Output, h.Truncated, h.Took.Milliseconds(), h.Error, millis(h.At))
		return err
	})
}

// hooks lists what the hooks of a run said, in the order in which they ended.
func (s *Store) hooks(ctx context.Context, runID string) ([]Hook, error) {
	all, err := collect(ctx, s.read, scanHook, hooksOfRun, runID)
	return all, s.fail("read the hooks of run "+runID, err)
}
