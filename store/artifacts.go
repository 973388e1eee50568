package store

import (
	"context"
	"database/sql"
	"errors"
)

const artifactColumns = "run_id, target, key, bytes, sha256, hash, state, error, attempts, next_attempt, updated_at"

const (
	artifactsOfRun = "SELECT " + artifactColumns + " FROM artifacts WHERE run_id = ? ORDER BY target"
	dueArtifacts   = "SELECT " + artifactColumns + " FROM artifacts WHERE state = 'due' ORDER BY run_id, target"
)

func scanArtifact(row scanner) (a Artifact, err error) {
	return a, row.Scan(&a.RunID, &a.Target, &a.Key, &a.Bytes, &a.SHA256, &a.Hash, &a.State, &a.Error, &a.Attempts,
		timeColumn{&a.NextAttempt}, timeColumn{&a.UpdatedAt})
}

// PutArtifact writes what is known of a run's object on one target. A zero UpdatedAt is now. ErrNotFound when there is
// no such run.
func (s *Store) PutArtifact(ctx context.Context, a Artifact) error {
	a.UpdatedAt = orNow(a.UpdatedAt, s.now())
	return s.tx(ctx, "write artifact of run "+a.RunID+" on "+a.Target, func(tx *sql.Tx) error {
		r, err := one(ctx, tx, scanRun, "SELECT "+runColumns+" FROM runs WHERE id = ?", a.RunID)
		if err != nil {
			return err
		}
		return s.putArtifact(ctx, tx, r, a)
	})
}

// CommitRun writes a run and all artifacts that it carries, or nothing at all.
func (s *Store) CommitRun(ctx context.Context, r Run) error {
	return s.tx(ctx, "commit run "+r.ID, func(tx *sql.Tx) error {
		if err := s.rewriteRun(ctx, tx, &r); err != nil {
			return err
		}
		for _, a := range r.Artifacts {
			a.UpdatedAt = orNow(a.UpdatedAt, s.now())
			if err := s.putArtifact(ctx, tx, r, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) putArtifact(ctx context.Context, tx *sql.Tx, r Run, a Artifact) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO artifacts (instance, project, service, job, held, `+artifactColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.Instance, r.Project, r.Service, r.Job, a.Held(), a.RunID, a.Target, a.Key,
		a.Bytes, a.SHA256, a.Hash, a.State, a.Error, a.Attempts, millis(a.NextAttempt), millis(a.UpdatedAt))
	if err != nil {
		return err
	}
	return s.summarizeBytes(ctx, tx, r.Project, r.Service, r.Job)
}

// Artifacts lists a run's artifacts by target.
func (s *Store) Artifacts(ctx context.Context, runID string) ([]Artifact, error) {
	all, err := collect(ctx, s.read, scanArtifact, artifactsOfRun, runID)
	return all, s.fail("read the artifacts of run "+runID, err)
}

// HeldOn says whether the record has anything that a target holds.
func (s *Store) HeldOn(ctx context.Context, target string) (bool, error) {
	_, err := one(ctx, s.read, func(row scanner) (n int, err error) { return n, row.Scan(&n) }, "SELECT 1 FROM artifacts WHERE held = 1 AND target = ? LIMIT 1", target)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, s.fail("look for what target "+target+" holds", err)
}

// DueArtifacts lists all copies that are still to be made, those of the oldest runs first, whether or not their next
// attempt has come.
func (s *Store) DueArtifacts(ctx context.Context) ([]Artifact, error) {
	all, err := collect(ctx, s.read, scanArtifact, dueArtifacts)
	return all, s.fail("read the due artifacts", err)
}
