package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const restoreColumns = `id, run_id, key, source, project, service, job, to_project, to_service, state, error, safety_run, started_at,
	finished_at, raw_bytes, proof, differences, group_run, part_of`

func scanRestore(row scanner) (r Restore, err error) {
	return r, row.Scan(&r.ID, &r.RunID, &r.Key, &r.Source, &r.Project, &r.Service, &r.Job, &r.ToProject, &r.ToService, &r.State, &r.Error,
		&r.SafetyRun, timeColumn{&r.StartedAt}, timeColumn{&r.FinishedAt}, &r.RawBytes, rawColumn{&r.Proof}, listColumn{&r.Differences}, &r.GroupRun,
		&r.PartOf)
}

// PutRestore writes a restore, new or known. A zero StartedAt is now. One without FinishedAt counts as under way.
func (s *Store) PutRestore(ctx context.Context, r Restore) error {
	if r.ID == "" {
		return s.fail("write restore", errors.New("a restore needs an id"))
	}
	r.StartedAt = orNow(r.StartedAt, s.now())
	_, err := s.exec(ctx, "write restore "+r.ID, "INSERT OR REPLACE INTO restores (instance, "+restoreColumns+
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.instance, r.ID, r.RunID, r.Key, r.Source, r.Project, r.Service, r.Job, r.ToProject, r.ToService, r.State, r.Error, r.SafetyRun,
		millis(r.StartedAt), millis(r.FinishedAt), r.RawBytes, raw(r.Proof), list(r.Differences), r.GroupRun, r.PartOf)
	return err
}

// Restore reads one restore.
func (s *Store) Restore(ctx context.Context, id string) (Restore, error) {
	r, err := one(ctx, s.read, scanRestore, "SELECT "+restoreColumns+" FROM restores WHERE id = ?", id)
	return r, s.fail("read restore "+id, err)
}

// Restores lists restores by what they read (project, service, job), newest first, and the cursor of the next page.
func (s *Store) Restores(ctx context.Context, f Filter) ([]Restore, string, error) {
	query, args, err := f.restores()
	if err != nil {
		return nil, "", s.fail("list restores", err)
	}
	all, err := collect(ctx, s.read, scanRestore, query, args...)
	if err != nil {
		return nil, "", s.fail("list restores", err)
	}
	restores, next := page(all, f.limit(), func(r Restore) (time.Time, string) { return r.StartedAt, r.ID })
	return restores, next, nil
}

// RestoreParts lists the restores of the members of a group, in the order in which they were begun.
func (s *Store) RestoreParts(ctx context.Context, whole string) ([]Restore, error) {
	all, err := collect(ctx, s.read, scanRestore, "SELECT "+restoreColumns+" FROM restores WHERE part_of = ? AND part_of <> '' ORDER BY id", whole)
	return all, s.fail("read the parts of restore "+whole, err)
}

func (f Filter) restores() (string, []any, error) {
	if f.Trigger != "" || f.Kind != "" || f.Group != "" {
		return "", nil, fmt.Errorf("a restore has no trigger, kind or group name (%q)", f.Trigger+f.Kind+f.Group)
	}
	return f.list(restoreColumns, "restores", "started_at")
}
