package store

import (
	"context"
	"errors"
)

// The cross join keeps the planner from walking through all runs of these states: what is held are few.
const backupRuns = "SELECT " + runColumns + ` FROM (SELECT DISTINCT run_id AS held_run FROM artifacts
	WHERE held = 1 AND project = ? AND service = ? AND job = ?) CROSS JOIN runs ON id = held_run
	WHERE +state IN ('succeeded', 'partial') ORDER BY queued_at DESC, id DESC`

// All artifacts of the runs that have one that is held, the others included.
const backupArtifacts = "SELECT " + artifactColumns + ` FROM artifacts WHERE run_id IN
	(SELECT run_id FROM artifacts WHERE held = 1 AND project = ? AND service = ? AND job = ?)
	ORDER BY run_id, target`

// Backups lists the runs of a job that can be restored, newest first, with all their artifacts: succeeded and partial ones
// that at least one target still holds.
func (s *Store) Backups(ctx context.Context, jobID string) ([]Run, error) {
	project, service, job := SplitJobID(jobID)
	verb := "read the backups of job " + jobID
	tx, err := s.read.BeginTx(ctx, nil) // both queries see the same moment
	if err != nil {
		return nil, s.fail(verb, err)
	}
	runs, err := collect(ctx, tx, scanRun, backupRuns, project, service, job)
	if err != nil {
		return nil, s.fail(verb, errors.Join(err, tx.Rollback()))
	}
	artifacts, err := collect(ctx, tx, scanArtifact, backupArtifacts, project, service, job)
	if err = errors.Join(err, tx.Rollback()); err != nil {
		return nil, s.fail(verb, err)
	}
	attach(runs, artifacts)
	return runs, nil
}

// attach gives each run its artifacts.
func attach(runs []Run, artifacts []Artifact) {
	at := make(map[string]int, len(runs))
	for i, r := range runs {
		at[r.ID] = i
	}
	for _, a := range artifacts {
		if i, ok := at[a.RunID]; ok {
			runs[i].Artifacts = append(runs[i].Artifacts, a)
		}
	}
}
