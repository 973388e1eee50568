package store

import (
	"context"
	"time"
)

const briefColumns = `r.id, r.instance, r.project, r.service, r.job, r.trigger, r.state, r.cause, r.error, r.attempt, r.strategy,
	r.scheduled_for, r.queued_at, r.started_at, r.finished_at, r.raw_bytes, r.stored_bytes, r.helper_start, r.group_run`

const (
	latestRuns = "SELECT " + briefColumns + " FROM summaries s CROSS JOIN runs r ON r.id = s.latest_run"
	// Most jobs' latest run is their latest success, and was read already.
	latestSuccesses = "SELECT " + briefColumns + ` FROM summaries s CROSS JOIN runs r ON r.id = s.latest_success
		WHERE s.latest_success IS NOT s.latest_run`
)

func scanBrief(row scanner) (Run, error) {
	var r Run
	var helper int64
	err := row.Scan(&r.ID, &r.Instance, &r.Project, &r.Service, &r.Job, &r.Trigger, &r.State, &r.Cause, &r.Error, &r.Attempt, &r.Strategy,
		timeColumn{&r.ScheduledFor}, timeColumn{&r.QueuedAt}, timeColumn{&r.StartedAt}, timeColumn{&r.FinishedAt}, &r.RawBytes, &r.StoredBytes,
		&helper, &r.GroupRun)
	r.HelperStart = time.Duration(helper) * time.Millisecond
	return r, err
}

// LatestPerJob has the newest run and the newest success of each job that ever ran, by job id.
func (s *Store) LatestPerJob(ctx context.Context) (map[string]LatestRuns, error) {
	newest, err := collect(ctx, s.read, scanBrief, latestRuns)
	if err != nil {
		return nil, s.fail("read the latest runs", err)
	}
	good, err := collect(ctx, s.read, scanBrief, latestSuccesses)
	if err != nil {
		return nil, s.fail("read the latest successes", err)
	}
	all := make(map[string]LatestRuns, len(newest))
	for _, r := range newest {
		l := LatestRuns{Run: r}
		if r.State == Succeeded {
			l.Success = r
		}
		all[r.JobID()] = l
	}
	for _, r := range good {
		l := all[r.JobID()]
		l.Success = r
		all[r.JobID()] = l
	}
	return all, nil
}
