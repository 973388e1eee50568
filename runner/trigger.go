package runner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/store"
)

// Trigger queues a run of every job that matches and returns their ids. A busy job's run waits its turn. The jobs of a
// group are run as one when the request is about a whole project or group; a job named by itself runs by itself.
func (r *Runner) Trigger(ctx context.Context, req RunRequest) ([]string, error) {
	plan := r.Snapshot()
	units := plan.asked(req)
	if len(units) == 0 {
		return nil, &NotFoundError{What: whyNoJob(plan, req)}
	}
	if who, _ := r.rival.Load().(string); who != "" {
		return nil, &RefusedError{Why: who}
	}
	var ids []string
	for _, u := range units {
		more, err := r.enqueueUnit(ctx, u, "manual", time.Time{}, req.Keep)
		ids = append(ids, more...)
		if err != nil {
			return ids, err
		}
	}
	return ids, nil
}

// asked are the units that a request means.
func (p Plan) asked(req RunRequest) []unit {
	var out []unit
	for _, u := range p.units() {
		lead := u.jobs[0]
		if req.Service == "" && lead.Project == req.Project && (req.Group == "" || u.group != nil && u.group.Name == req.Group) {
			out = append(out, u)
		}
	}
	for _, job := range p.Jobs {
		if req.Service != "" && job.Project == req.Project && job.Service == req.Service && (req.Job == "" || job.Name == req.Job) {
			out = append(out, unit{id: job.ID(), jobs: []labels.Job{job}})
		}
	}
	return out
}

// whyNoJob says why nothing matches: a refused job's problem, or the names that would.
func whyNoJob(plan Plan, req RunRequest) string {
	if req.Group != "" {
		return whyNoGroup(plan, req)
	}
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

// whyNoGroup says why a group cannot be run: all of its members are refused, or there is none of that name.
func whyNoGroup(plan Plan, req RunRequest) string {
	if g, ok := plan.group(req.Project, req.Group); ok {
		return fmt.Sprintf("every job of the group %s of %s is refused by a problem with its labels: %s", g.Name, g.Project, strings.Join(g.Refused, ", "))
	}
	var names []string
	for _, g := range plan.Groups {
		if g.Project == req.Project {
			names = append(names, g.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("no group %s: no job of %s has the label group", req.Group, req.Project)
	}
	return fmt.Sprintf("no group %s in %s; there are: %s", req.Group, req.Project, strings.Join(names, ", "))
}

// tick is what the clock fires.
func (r *Runner) tick(u unit, at time.Time, trigger string) {
	if who, _ := r.rival.Load().(string); who != "" {
		return // the other appliance does it; health says so
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if _, err := r.enqueueUnit(ctx, u, trigger, at, false); err != nil {
		r.log.Error().Err(err).Str("job", u.id).Msg("queue a scheduled run")
	}
}

// enqueueUnit records the runs of a unit and queues them.
func (r *Runner) enqueueUnit(ctx context.Context, u unit, trigger string, at time.Time, keep bool) ([]string, error) {
	if u.group != nil {
		return r.enqueueGroup(ctx, *u.group, trigger, at, keep)
	}
	id, err := r.enqueue(ctx, u.jobs[0], trigger, at, keep)
	if err != nil {
		return nil, err
	}
	return []string{id}, nil
}

// newRun is a run that waits.
func (r *Runner) newRun(job labels.Job, trigger string, at time.Time, keep bool) store.Run {
	return store.Run{
		ID: store.NewID(), Instance: r.cfg.Store.Instance(), Project: job.Project, Service: job.Service, Job: job.Name,
		Trigger: trigger, State: store.Queued, Strategy: job.Strategy, ScheduledFor: at, QueuedAt: r.now(),
		Pinned: keep, Quorum: job.Quorum, Targets: job.Targets,
	}
}

// whySkip says why a tick starts nothing; empty when it does. busy is how the queue calls what must not be at work.
func (r *Runner) whySkip(busy, trigger string) (cause, why string) {
	switch {
	case trigger == "manual":
		return "", ""
	case r.queue.busy(busy):
		return causeBusy, "the job was still at work when this tick came"
	case r.now().Before(r.PausedUntil()):
		return causePaused, "schedules were paused when this tick came"
	}
	return "", ""
}

// enqueue records a run and queues it. A tick that finds its job busy or the schedule paused is recorded as skipped.
func (r *Runner) enqueue(ctx context.Context, job labels.Job, trigger string, at time.Time, keep bool) (string, error) {
	run := r.newRun(job, trigger, at, keep)
	if cause, why := r.whySkip(job.ID(), trigger); why != "" {
		run.State, run.Cause, run.Error, run.FinishedAt = store.Skipped, cause, why, run.QueuedAt
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
		id: id, jobs: []string{job.ID()}, locks: r.locksOf(ctx, job),
		do: func(ctx context.Context) { r.execute(ctx, id, job) },
	})
}
