package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

const runColumns = `id, instance, project, service, job, trigger, state, cause, error, attempt, strategy, container, image, image_digest,
	engine_version, scheduled_for, queued_at, started_at, finished_at, released_at, raw_bytes, stored_bytes, raw_xxh64, sha256, pinned,
	quorum, helper_start, targets, warnings, proof, key, group_run`

const runMarks = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

func runValues(r Run) []any {
	return []any{
		r.ID, r.Instance, r.Project, r.Service, r.Job, r.Trigger, r.State, r.Cause, r.Error, r.Attempt, r.Strategy, r.Container, r.Image,
		r.ImageDigest, r.EngineVersion, millis(r.ScheduledFor), millis(r.QueuedAt), millis(r.StartedAt), millis(r.FinishedAt),
		millis(r.ReleasedAt), r.RawBytes, r.StoredBytes, r.RawXXH64, r.SHA256, r.Pinned, r.Quorum, r.HelperStart.Milliseconds(),
		list(r.Targets), list(r.Warnings), raw(r.Proof), r.Key, r.GroupRun,
	}
}

func scanRun(row scanner) (Run, error) {
	var r Run
	var helper int64
	err := row.Scan(&r.ID, &r.Instance, &r.Project, &r.Service, &r.Job, &r.Trigger, &r.State, &r.Cause, &r.Error, &r.Attempt, &r.Strategy,
		&r.Container, &r.Image, &r.ImageDigest, &r.EngineVersion, timeColumn{&r.ScheduledFor}, timeColumn{&r.QueuedAt},
		timeColumn{&r.StartedAt}, timeColumn{&r.FinishedAt}, timeColumn{&r.ReleasedAt}, &r.RawBytes, &r.StoredBytes, &r.RawXXH64, &r.SHA256,
		&r.Pinned, &r.Quorum, &helper, listColumn{&r.Targets}, listColumn{&r.Warnings}, rawColumn{&r.Proof}, &r.Key, &r.GroupRun)
	r.HelperStart = time.Duration(helper) * time.Millisecond
	return r, err
}

// CreateRun writes a new run. An empty Instance is this one, a zero QueuedAt is now. Artifacts are not taken: see
// PutArtifact.
func (s *Store) CreateRun(ctx context.Context, r Run) error {
	return s.tx(ctx, "write run "+r.ID, func(tx *sql.Tx) error { return s.insertRun(ctx, tx, r) })
}

// insertRun is CreateRun inside a transaction.
func (s *Store) insertRun(ctx context.Context, tx *sql.Tx, r Run) error {
	if r.ID == "" || r.Project == "" || r.Service == "" || r.Job == "" || r.State == "" {
		return errors.New("a run needs id, project, service, job and state")
	}
	if r.Instance == "" {
		r.Instance = s.instance
	}
	r.QueuedAt = orNow(r.QueuedAt, s.now())
	if _, err := tx.ExecContext(ctx, "INSERT INTO runs ("+runColumns+") VALUES ("+runMarks+")", runValues(r)...); err != nil {
		return err
	}
	return s.summarizeRun(ctx, tx, r)
}

// UpdateRun writes the whole row of a run, but its id, instance, job and group run, which never change, its pin, which is
// SetPinned's alone (an owner may pin a run that is under way), and a zero QueuedAt.
func (s *Store) UpdateRun(ctx context.Context, r Run) error {
	return s.tx(ctx, "write run "+r.ID, func(tx *sql.Tx) error {
		return s.rewriteRun(ctx, tx, &r)
	})
}

// rewriteRun is UpdateRun inside a transaction; it fills in what never changes.
func (s *Store) rewriteRun(ctx context.Context, tx *sql.Tx, r *Run) error {
	was, err := one(ctx, tx, scanRun, "SELECT "+runColumns+" FROM runs WHERE id = ?", r.ID)
	if err != nil {
		return err
	}
	r.Instance, r.Project, r.Service, r.Job, r.Pinned, r.GroupRun = was.Instance, was.Project, was.Service, was.Job, was.Pinned, was.GroupRun
	r.QueuedAt = orNow(r.QueuedAt, was.QueuedAt)
	return s.updateRun(ctx, tx, *r)
}

func (s *Store) updateRun(ctx context.Context, tx *sql.Tx, r Run) error {
	if _, err := tx.ExecContext(ctx, "UPDATE runs SET ("+runColumns+") = ("+runMarks+") WHERE id = ?", append(runValues(r), r.ID)...); err != nil {
		return err
	}
	return s.summarizeRun(ctx, tx, r)
}

// SetPinned pins a backup, so that pruning leaves it alone, or unpins it.
func (s *Store) SetPinned(ctx context.Context, runID string, pinned bool) error {
	n, err := s.exec(ctx, "pin run "+runID, "UPDATE runs SET pinned = ? WHERE id = ?", pinned, runID)
	if err == nil && n == 0 {
		err = s.fail("pin run "+runID, ErrNotFound)
	}
	return err
}

// Run reads one run with its artifacts and its hooks.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	r, err := one(ctx, s.read, scanRun, "SELECT "+runColumns+" FROM runs WHERE id = ?", id)
	if err != nil {
		return Run{}, s.fail("read run "+id, err)
	}
	if r.Artifacts, err = s.Artifacts(ctx, id); err != nil {
		return r, err
	}
	r.Hooks, err = s.hooks(ctx, id)
	return r, err
}

// Latest is the newest run of a job, of those in one of the states when any are named, with its artifacts.
func (s *Store) Latest(ctx context.Context, jobID string, states ...string) (Run, error) {
	query, args := latestQuery(jobID, states)
	var id string
	if err := s.read.QueryRowContext(ctx, query, args...).Scan(&id); err != nil {
		return Run{}, s.fail("read the latest run of job "+jobID, err)
	}
	return s.Run(ctx, id)
}

func latestQuery(jobID string, states []string) (string, []any) {
	project, service, job := SplitJobID(jobID)
	query, args := "SELECT id FROM runs WHERE project = ? AND service = ? AND job = ?", []any{project, service, job}
	if len(states) > 0 {
		// The unary plus keeps the planner on the job's own index, where the state is at hand.
		query += " AND +state IN (?" + strings.Repeat(", ?", len(states)-1) + ")"
		for _, state := range states {
			args = append(args, state)
		}
	}
	return query + " ORDER BY queued_at DESC, id DESC LIMIT 1", args
}

const queuedRuns = "SELECT " + runColumns + " FROM runs WHERE state = 'queued' ORDER BY queued_at, id"

// QueuedRuns lists the runs that wait, oldest first.
func (s *Store) QueuedRuns(ctx context.Context) ([]Run, error) {
	all, err := collect(ctx, s.read, scanRun, queuedRuns)
	return all, s.fail("read the queue", err)
}
