package store

import (
	"context"
	"database/sql"
)

// Interrupt settles at the start what the last process left. Runs that were running become interrupted and are returned
// with their artifacts, oldest first; runs that waited become skipped, but manual ones go on waiting: somebody was told
// their id. Group runs go the same way, and are returned too. Restores under way become interrupted.
func (s *Store) Interrupt(ctx context.Context) (running []Run, groups []GroupRun, err error) {
	now := s.now()
	err = s.tx(ctx, "settle interrupted runs", func(tx *sql.Tx) error {
		var err error
		if groups, err = s.interruptGroups(ctx, tx, now); err != nil {
			return err
		}
		died := map[string]bool{}
		for _, g := range groups {
			died[g.ID] = true
		}
		open, err := collect(ctx, tx, scanRun, "SELECT "+runColumns+" FROM runs WHERE state IN ('running', 'queued') ORDER BY queued_at, id")
		if err != nil {
			return err
		}
		for _, r := range open {
			switch {
			case r.State == Running || died[r.GroupRun]:
				r.State, r.Cause, r.Error = Interrupted, "killed", "the appliance ended while the run was under way"
			case r.Trigger == "manual":
				continue
			default:
				r.State, r.Cause, r.Error = Skipped, "killed", "the appliance ended before the run began"
			}
			r.FinishedAt = now
			if err := s.updateRun(ctx, tx, r); err != nil {
				return err
			}
			if r.State != Interrupted {
				continue
			}
			if r.Artifacts, err = collect(ctx, tx, scanArtifact, artifactsOfRun, r.ID); err != nil {
				return err
			}
			running = append(running, r)
		}
		_, err = tx.ExecContext(ctx, `UPDATE restores SET state = 'interrupted', error = 'the appliance ended while the restore was under way',
			finished_at = ? WHERE finished_at IS NULL`, millis(now))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return running, groups, nil
}
