package runner

import (
	"context"
	"slices"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/retention"
)

// PlanView says what will run when, and what pruning would remove and why.
func (r *Runner) PlanView(ctx context.Context) (PlanView, error) {
	rows, err := r.cfg.Store.Jobs(ctx, true)
	if err != nil {
		return PlanView{}, err
	}
	plan := r.Snapshot()
	var view PlanView
	for _, row := range rows {
		job, declared := plan.find(row.ID)
		if !declared {
			if !row.Declared {
				view.Next = append(view.Next, NextRun{Job: row.ID, Strategy: row.Strategy, Absent: true})
			}
			continue
		}
		view.Next = append(view.Next, r.nextRun(ctx, job))
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
