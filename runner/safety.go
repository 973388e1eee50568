package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// safetyBackup backs up what a restore is about to replace, inside the restore: it is recorded as a run of the
// service's job, on the first of its targets that is fit.
func (r *Runner) safetyBackup(ctx context.Context, c chosen, groupRun string) (string, error) {
	job := r.safetyJob(c)
	slices.SortStableFunc(job.Targets, func(a, b string) int { return cmp.Compare(boolInt(!r.isLocal(a)), boolInt(!r.isLocal(b))) })
	dst, err := r.firstFit(ctx, job, job.Targets)
	if err != nil {
		return "", err
	}
	job.Targets = []string{dst.Name()}
	run := store.Run{
		ID: store.NewID(), Instance: r.cfg.Store.Instance(), Project: job.Project, Service: job.Service, Job: job.Name,
		Trigger: triggerSafety, State: store.Running, Strategy: job.Strategy, QueuedAt: r.now(), StartedAt: r.now(), Attempt: 1,
		Quorum: 1, Targets: job.Targets, GroupRun: groupRun,
	}
	if err := r.cfg.Store.CreateRun(ctx, run); err != nil {
		return "", fmt.Errorf("record it: %w", err)
	}
	r.progress.start(run.ID, "safety backup", 0, r.now())
	defer r.progress.end(run.ID)
	err = r.attempt(ctx, &run, job, job.Targets)
	r.finish(ctx, &run, err)
	return run.ID, err
}

// nothingToSave says whether a strategy that looks before it dumps finds nothing there yet.
func (r *Runner) nothingToSave(ctx context.Context, c chosen) bool {
	namer, ok := c.entry.Strategy.(strategy.Namer)
	if !ok {
		return false
	}
	_, err := namer.Extension(ctx, r.cfg.Engine.Container(c.info), optionsOf(r.safetyJob(c), ""))
	return errors.Is(err, strategy.ErrNothing)
}

// safetyJob is the declared job of the destination that reads the same things, or one made from the manifest. It
// never holds the container, runs no hooks, and goes to one target only: time matters now.
func (r *Runner) safetyJob(c chosen) labels.Job {
	job := labels.Job{
		Identity: labels.Identity{Project: c.project, Service: c.service}, Name: c.manifest.Job, Strategy: c.entry.Name,
		Targets: []string{c.target.Name()}, Compression: labels.Compression{Algorithm: "zstd", Level: "fastest"},
	}
	for _, declared := range r.Snapshot().Jobs {
		if declared.Identity == job.Identity && declared.Strategy == c.entry.Name && (declared.Name == c.manifest.Job || job.Name != c.manifest.Job) {
			job = declared
		}
	}
	job.Paths, job.Exclude, job.Databases = c.manifest.Paths, c.manifest.Exclude, c.manifest.Databases
	job.Targets = slices.Clone(job.Targets)
	job.Quiesce, job.Quorum, job.Retries = "none", 1, 0
	job.Pre, job.Post = "", "" // they would run in the middle of a restore
	return job
}

// safetyNote is what the owner should know of the safety backup before he says yes.
func (c chosen) safetyNote(req RestoreRequest) []string {
	switch {
	case req.NoSafety:
		return nil
	case !c.entry.Stop:
		return []string{"what is written after the safety backup and before the restore has ended is in neither: stop whoever writes, if that matters"}
	case len(c.stops) == 0:
		return nil
	}
	return []string{"the containers are stopped before the safety backup and until after the restore, so that nothing written in between is lost: they are down for both"}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
