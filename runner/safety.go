package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// safetyBackup backs up what a restore is about to replace, inside the restore: it is recorded as a run of the
// service's job, on the first of its targets that is fit. Where there is nothing to save it takes none, and says so
// in the log and the feed; the run is empty then.
func (r *Runner) safetyBackup(ctx context.Context, c chosen, groupRun string) (string, error) {
	job, note, err := r.toSave(ctx, c)
	if errors.Is(err, strategy.ErrNothing) {
		return "", r.noteNothingSaved(ctx, c, err)
	}
	if err != nil {
		return "", adviseSafety(c, err)
	}
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
	if note != "" {
		run.Warnings = append(run.Warnings, note)
	}
	r.finish(ctx, &run, err)
	return run.ID, adviseSafety(c, err)
}

// toSave is the job that saves what is there: of named databases, or of the files of a backup, those that there are,
// which the note says when it is not all of them. The error wraps ErrNothing when nothing is there yet.
func (r *Runner) toSave(ctx context.Context, c chosen) (job labels.Job, note string, err error) {
	job = r.safetyJob(c)
	finder, ok := c.entry.Strategy.(strategy.Finder)
	if !ok {
		return job, "", nil
	}
	named, what := &job.Databases, "databases"
	if len(c.options.Files) > 0 {
		named, what = &job.Paths, "files"
		*named = filePaths(c.options.Files) // all that a restore replaces, and nothing else
	}
	if len(*named) == 0 {
		return job, "", nil
	}
	opt := optionsOf(job, "")
	opt.Files = c.options.Files
	found, err := finder.Find(ctx, r.cfg.Engine.Container(c.info), opt)
	if err != nil {
		return job, "", failed(causeDump, false, fmt.Errorf("see what is there now: %w", err))
	}
	missing := slices.DeleteFunc(slices.Clone(*named), func(name string) bool { return slices.Contains(found, name) })
	switch {
	case len(found) == 0:
		return job, "", fmt.Errorf("none of the %s of the backup is there yet (%s): %w", what, strings.Join(missing, ", "), strategy.ErrNothing)
	case len(missing) > 0:
		note = "the safety backup lacks " + what + " that are not there yet: " + strings.Join(missing, ", ")
	}
	*named = found
	return job, note, nil
}

func filePaths(files []strategy.File) []string {
	paths := make([]string, 0, len(files))
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

// planSafety says in a restore's plan where its safety backup will not be what is expected.
func (r *Runner) planSafety(ctx context.Context, c *chosen) {
	if !c.plan.Safety {
		return
	}
	_, note, err := r.toSave(ctx, *c)
	switch {
	case errors.Is(err, strategy.ErrNothing):
		c.plan.Safety, c.plan.NothingHere = false, true
		of := c.safetyNote(RestoreRequest{})
		c.plan.Notes = slices.DeleteFunc(c.plan.Notes, func(n string) bool { return slices.Contains(of, n) })
		note = "there will be no safety backup: " + err.Error()
	case err != nil:
		note = "the safety backup will fail, and the restore with it: " + adviseSafety(*c, err).Error()
	}
	if note != "" {
		c.plan.Notes = append(c.plan.Notes, note)
	}
}

// noteNothingSaved tells that a restore goes on without a safety backup.
func (r *Runner) noteNothingSaved(ctx context.Context, c chosen, why error) error {
	text := "no safety backup was taken before the restore of run " + c.manifest.Run + ": " + why.Error()
	r.log.Info().Str("to", c.project+"/"+c.service).Str("run", c.manifest.Run).Msg(text)
	err := r.cfg.Store.AppendEvent(ctx, store.Event{
		Actor: "appliance", Kind: "safety-skipped", Project: c.project, Service: c.service, Job: c.manifest.Job, RunID: c.manifest.Run, Text: text,
	})
	if err != nil {
		return fmt.Errorf("record that there is nothing to save: %w", err)
	}
	return nil
}

// adviseSafety says what to do where what is there cannot be dumped, and the restore is wanted for just that reason.
func adviseSafety(c chosen, err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok || c.entry.Name != "sqlite" || f.cause != causeDump && f.cause != causeStrategy {
		return err
	}
	var copies []string
	for _, file := range c.manifest.Files {
		copies = append(copies, fmt.Sprintf("docker cp %s:%s ./damaged", c.info.Name, path.Dir(file.Path)))
	}
	return fmt.Errorf("%[1]w; if the database is damaged, keep its files as they are (`docker stop %[2]s; %[3]s; docker start %[2]s`), then restore with --no-safety",
		err, c.info.Name, strings.Join(slices.Compact(slices.Sorted(slices.Values(copies))), "; "))
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
