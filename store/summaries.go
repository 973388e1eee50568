package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	latestRun = `SELECT id FROM runs WHERE project = ?1 AND service = ?2 AND job = ?3 ORDER BY queued_at DESC, id DESC LIMIT 1`
	// The unary plus keeps the planner on the job's own index, where the state is at hand.
	latestSuccess = `SELECT id FROM runs WHERE project = ?1 AND service = ?2 AND job = ?3 AND +state = 'succeeded' ORDER BY queued_at DESC, id DESC LIMIT 1`
	// A run counts once, however many targets hold it.
	heldBytes = `SELECT coalesce(sum(bytes), 0) FROM (SELECT max(bytes) AS bytes FROM artifacts
		WHERE held = 1 AND project = ?1 AND service = ?2 AND job = ?3 GROUP BY run_id)`
)

// summarizeRun brings the summary of the run's job, and the job's last success, up to date.
func (s *Store) summarizeRun(ctx context.Context, tx *sql.Tx, r Run) error {
	// What a restore saves before it replaces it may be the damage itself: it is no good backup of the job.
	if r.State == Succeeded && r.Trigger != "safety" {
		_, err := tx.ExecContext(ctx, "UPDATE jobs SET last_success = max(coalesce(last_success, 0), ?) WHERE id = ?",
			millis(orNow(r.FinishedAt, r.QueuedAt)), r.JobID())
		if err != nil {
			return err
		}
	}
	return s.summarizeRuns(ctx, tx, r.Project, r.Service, r.Job)
}

func (s *Store) summarizeRuns(ctx context.Context, tx *sql.Tx, project, service, job string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO summaries (project, service, job, instance, stored_bytes, latest_run, latest_success)
		VALUES (?1, ?2, ?3, ?4, 0, (`+latestRun+`), (`+latestSuccess+`))
		ON CONFLICT DO UPDATE SET latest_run = excluded.latest_run, latest_success = excluded.latest_success`, project, service, job, s.instance)
	return err
}

func (s *Store) summarizeBytes(ctx context.Context, tx *sql.Tx, project, service, job string) error {
	_, err := tx.ExecContext(ctx, `UPDATE summaries SET stored_bytes = (`+heldBytes+`) WHERE project = ?1 AND service = ?2 AND job = ?3`, project, service, job)
	return err
}

// LatestRuns are the newest run of a job and its newest success; without an ID where there is none. Proof, warnings,
// targets and artifacts are left out.
type LatestRuns struct {
	Run, Success Run
}

// JobStats counts the runs of one job since a moment, and what its backups take now.
type JobStats struct {
	JobID string

	Runs        int // all but skipped ones
	Succeeded   int
	Partial     int
	Failed      int // interrupted ones too
	Skipped     int
	StoredBytes int64 // of what targets hold, a run once however many hold it
}

// The index is named because the planner would rather walk through all runs in the order of the groups.
const countRuns = `SELECT project, service, job, count(*), sum(state = 'succeeded'), sum(state = 'partial'),
	sum(state IN ('failed', 'interrupted')), sum(state = 'skipped') FROM runs INDEXED BY runs_by_time WHERE queued_at >= ? GROUP BY project, service, job`

// Stats has one row for each job that ever ran, by job id.
func (s *Store) Stats(ctx context.Context, since time.Time) ([]JobStats, error) {
	all, err := collect(ctx, s.read, func(row scanner) (JobStats, error) {
		var project, service, job string
		var st JobStats
		err := row.Scan(&project, &service, &job, &st.StoredBytes)
		st.JobID = project + "/" + service + "/" + job
		return st, err
	}, "SELECT project, service, job, stored_bytes FROM summaries ORDER BY project, service, job")
	if err != nil {
		return nil, s.fail("read job totals", err)
	}
	at := make(map[string]int, len(all))
	for i, st := range all {
		at[st.JobID] = i
	}
	counts, err := collect(ctx, s.read, scanCounts, countRuns, since.UnixMilli())
	if err != nil {
		return nil, s.fail("count runs", err)
	}
	for _, c := range counts {
		i, ok := at[c.JobID]
		if !ok { // its first run came between the two queries
			all = append(all, c)
			continue
		}
		c.StoredBytes = all[i].StoredBytes
		all[i] = c
	}
	return all, nil
}

func scanCounts(row scanner) (JobStats, error) {
	var project, service, job string
	var st JobStats
	err := row.Scan(&project, &service, &job, &st.Runs, &st.Succeeded, &st.Partial, &st.Failed, &st.Skipped)
	st.JobID = project + "/" + service + "/" + job
	st.Runs -= st.Skipped
	return st, err
}
