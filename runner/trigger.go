package runner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/store"
)

// Trigger queues a run of every job that matches and returns their ids. A busy job's run waits its turn.
func (r *Runner) Trigger(ctx context.Context, req RunRequest) ([]string, error) {
	plan := r.Snapshot()
	var jobs []labels.Job
	for _, job := range plan.Jobs {
		if job.Project == req.Project && (req.Service == "" || job.Service == req.Service) && (req.Job == "" || job.Name == req.Job) {
			jobs = append(jobs, job)
		}
	}
	if len(jobs) == 0 {
		return nil, &NotFoundError{What: whyNoJob(plan, req)}
	}
	if who, _ := r.rival.Load().(string); who != "" {
		return nil, &RefusedError{Why: who}
	}
	ids := make([]string, 0, len(jobs))
	for _, job := range jobs {
		id, err := r.enqueue(ctx, job, "manual", time.Time{}, req.Keep)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// whyNoJob says why nothing matches: a refused job's problem, or the names that would.
func whyNoJob(plan Plan, req RunRequest) string {
	asked := strings.TrimSuffix(strings.TrimSuffix(req.Project+"/"+req.Service+"/"+req.Job, "/"), "/")
	for _, p := range plan.Problems {
		if p.Project == req.Project && (req.Service == "" || p.Service == req.Service) && (req.Job == "" || p.Job == "" || p.Job == req.Job) {
			return fmt.Sprintf("%s is refused: label %s: %s", asked, p.Label, p.Why)
		}
	}
	names := make([]string, 0, len(plan.Jobs))
	for _, job := range plan.Jobs {
		names = append(names, job.ID())
	}
	if len(names) == 0 {
		return fmt.Sprintf("no job %s: no container declares any job; `detect` shows what could be protected", asked)
	}
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return fmt.Sprintf("no job %s; there are: %s", asked, strings.Join(names, ", "))
}

// tick is what the clock fires.
func (r *Runner) tick(job labels.Job, at time.Time, trigger string) {
	if who, _ := r.rival.Load().(string); who != "" {
		return // the other appliance does it; health says so
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if _, err := r.enqueue(ctx, job, trigger, at, false); err != nil {
		r.log.Error().Err(err).Str("job", job.ID()).Msg("queue a scheduled run")
	}
}

// enqueue records a run and queues it. A tick that finds its job busy or the schedule paused is recorded as skipped.
func (r *Runner) enqueue(ctx context.Context, job labels.Job, trigger string, at time.Time, keep bool) (string, error) {
	run := store.Run{
		ID: store.NewID(), Instance: r.cfg.Store.Instance(), Project: job.Project, Service: job.Service, Job: job.Name,
		Trigger: trigger, State: store.Queued, Strategy: job.Strategy, ScheduledFor: at, QueuedAt: r.now(),
		Pinned: keep, Quorum: job.Quorum, Targets: job.Targets,
	}
	if trigger != "manual" {
		switch {
		case r.queue.busy(job.ID()):
			run.State, run.Cause, run.Error = store.Skipped, causeBusy, "the job was still at work when this tick came"
		case r.now().Before(r.PausedUntil()):
			run.State, run.Cause, run.Error = store.Skipped, causePaused, "schedules were paused when this tick came"
		}
	}
	if run.State == store.Skipped {
		run.FinishedAt = run.QueuedAt
		r.log.Warn().Str("job", job.ID()).Str("run", run.ID).Msg("run skipped: " + run.Error)
		return run.ID, r.cfg.Store.CreateRun(ctx, run)
	}
	if err := r.cfg.Store.CreateRun(ctx, run); err != nil {
		return "", fmt.Errorf("record a run of %s: %w", job.ID(), err)
	}
	r.submit(run.ID, job)
	return run.ID, nil
}

// submit queues the work of a recorded run.
func (r *Runner) submit(id string, job labels.Job) {
	r.progress.start(id, "queued", 0, r.now())
	ctx, cancel := context.WithTimeout(r.queue.ctx, checkTimeout)
	defer cancel()
	r.queue.submit(&task{
		id: id, job: job.ID(), locks: r.locksOf(ctx, job),
		do: func(ctx context.Context) { r.execute(ctx, id, job) },
	})
}
