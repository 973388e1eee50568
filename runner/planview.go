package runner

import (
	"context"
	"slices"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/retention"
	"github.com/simpledeploy/backup/runner/strategy"
)

// PlanView says what will run when, and what pruning would remove and why.
func (r *Runner) PlanView(ctx context.Context) (PlanView, error) {
	rows, err := r.cfg.Store.Jobs(ctx, true)
	if err != nil {
		return PlanView{}, err
	}
	plan := r.Snapshot()
	stops := r.stopsOf(ctx, plan.Jobs)
	var view PlanView
	for _, row := range rows {
		job, declared := plan.find(row.ID)
		if !declared {
			if !row.Declared {
				view.Next = append(view.Next, NextRun{
					Job: row.ID, Strategy: row.Strategy, Absent: true, AbsentSince: row.AbsentSince, RPOSeconds: int64(RecordedRPO(row).Seconds()),
				})
			}
			continue
		}
		next := r.nextRun(ctx, job)
		next.Stops = stops[job.ID()]
		view.Next = append(view.Next, next)
		results, err := r.pruneJob(ctx, job.ID(), job.Retention, zoneOf(job), true)
		if err != nil {
			return PlanView{}, err
		}
		view.Prune = append(view.Prune, slices.DeleteFunc(results, func(p PruneResult) bool { return !p.Remove })...)
	}
	slices.SortStableFunc(view.Next, compareNext)
	return view, nil
}

func (r *Runner) nextRun(ctx context.Context, job labels.Job) NextRun {
	next := NextRun{
		Job: job.ID(), Group: job.Group, Strategy: job.Strategy, Schedule: job.Schedule.Words(), At: r.clock.nextOf(job.ID()),
		Targets: job.Targets, Retention: retention.Policy(job.Retention).String(),
	}
	if last := r.lastBackup(ctx, job.ID()); last.ID != "" {
		next.ExpectedBytes = last.StoredBytes
		next.ExpectedSeconds = last.FinishedAt.Sub(last.StartedAt).Seconds()
	}
	return next
}

// stopsOf says which services each job would stop as things are, in order; nothing while the engine does not answer.
func (r *Runner) stopsOf(ctx context.Context, jobs []labels.Job) map[string][]string {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var infos []strategy.Info
	out := map[string][]string{}
	for _, job := range jobs {
		if job.Quiesce != "stop" {
			continue
		}
		if infos == nil {
			var err error
			if infos, err = r.inspectRunning(ctx); err != nil {
				return out
			}
		}
		info, ok := lowest(infos, job.Project, job.Service)
		if !ok {
			continue
		}
		if order, err := r.holdAmong(infos, []member{{info: info, how: job.Quiesce}}); err == nil {
			out[job.ID()] = servicesOf(order)
		}
	}
	return out
}

// compareNext puts the soonest first and what never fires last.
func compareNext(a, b NextRun) int {
	switch {
	case a.At.IsZero() && b.At.IsZero():
		return 0
	case a.At.IsZero():
		return 1
	case b.At.IsZero():
		return -1
	}
	return a.At.Compare(b.At)
}
