package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// removeAttempt removes everything of one run from a target: unfinished uploads, the manifest, then the object. It
// looks in the job's own folder only, and only at keys that carry the run's id. The keys that the run may have used
// are named too: some storages show an unfinished upload only to those who know its whole key.
func removeAttempt(ctx context.Context, t *target.Target, folder, runID string, maybe ...string) error {
	err := t.RemovePartials(ctx, folder, runID)
	for _, key := range maybe {
		err = errors.Join(err, t.RemovePartial(ctx, key))
	}
	keys, listErr := keysOf(ctx, t, folder, runID)
	err = errors.Join(err, listErr)
	for _, key := range keys {
		if e := t.Remove(ctx, key); e != nil && !errors.Is(e, target.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// keysOf lists what a folder holds of one run, manifests first: once the manifest is gone, nothing is listed.
func keysOf(ctx context.Context, t *target.Target, folder, runID string) ([]string, error) {
	objects, err := t.List(ctx, folder)
	if errors.Is(err, target.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var manifests, others []string
	for _, o := range objects {
		key, isManifest := strings.CutSuffix(o.Key, target.ManifestSuffix)
		if parsed, err := target.ParseKey(key); err != nil || parsed.RunID != runID {
			continue
		}
		if isManifest {
			manifests = append(manifests, o.Key)
		} else {
			others = append(others, o.Key)
		}
	}
	return append(manifests, others...), nil
}

// settleInterrupted looks at what a run that died left. What the record holds stays. An object with its manifest is
// a backup too: the process died between the commit and the record. Everything else is removed.
func (r *Runner) settleInterrupted(ctx context.Context, run store.Run) error {
	if slices.ContainsFunc(run.Artifacts, store.Artifact.Held) {
		return r.settleAdopted(ctx, run)
	}
	var errs []error
	adopted := false
	for _, name := range run.Targets {
		t, ok := r.cfg.Targets.Get(name)
		if !ok {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, checkTimeout)
		found, err := r.settleOn(bounded, &run, t)
		cancel()
		adopted = adopted || found
		if err != nil {
			r.log.Warn().Err(err).Str("run", run.ID).Str("target", name).Msg("look again later for what an interrupted run left")
			errs = append(errs, r.rememberCleanup(ctx, run.ID, name, folderOf(run), r.possibleKeys(run)))
		}
	}
	if adopted {
		errs = append(errs, r.settleAdopted(ctx, run))
	}
	return errors.Join(errs...)
}

// settleAdopted records an interrupted run that turned out to have left a backup.
func (r *Runner) settleAdopted(ctx context.Context, run store.Run) error {
	r.awaitMissing(&run)
	settleState(&run)
	if run.FinishedAt.IsZero() {
		run.FinishedAt = r.now()
	}
	return r.cfg.Store.CommitRun(ctx, run)
}

func folderOf(run store.Run) string {
	return target.Key{Instance: run.Instance, Project: run.Project, Service: run.Service, Job: run.Job}.Folder()
}

// possibleKeys are the keys that a run may have written to. Of one from before the record knew its key, the compression
// has to be guessed.
func (r *Runner) possibleKeys(run store.Run) []string {
	if run.Key != "" {
		return []string{run.Key}
	}
	entry, ok := r.entry(run.Strategy)
	if !ok || run.StartedAt.IsZero() {
		return nil
	}
	var keys []string
	for _, algorithm := range []string{transform.Zstd, transform.Gzip, transform.None} {
		keys = append(keys, target.Key{
			Instance: run.Instance, Project: run.Project, Service: run.Service, Job: run.Job, Time: run.StartedAt, RunID: run.ID,
			Extension: entry.Extension + transform.Compression{Algorithm: algorithm}.Extension(),
		}.String())
	}
	return keys
}

// settleOn adopts or removes what one target holds of the run.
func (r *Runner) settleOn(ctx context.Context, run *store.Run, t *target.Target) (adopted bool, err error) {
	folder := folderOf(*run)
	if err := t.Check(ctx); err != nil {
		return false, err
	}
	keys, err := keysOf(ctx, t, folder, run.ID)
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		object, isManifest := strings.CutSuffix(key, target.ManifestSuffix)
		if !isManifest {
			continue
		}
		m, _, err := readManifest(ctx, t, object)
		if err != nil {
			return false, err // it may be whole all the same: never removed for an error of ours
		}
		stat, err := t.Stat(ctx, object)
		if err != nil && !errors.Is(err, target.ErrNotFound) {
			return false, err
		}
		if err != nil || stat.Bytes != m.Stored.Bytes {
			break // not whole: removed below
		}
		adopt(run, t.Name(), m)
		return true, t.RemovePartials(ctx, folder, run.ID)
	}
	return false, removeAttempt(ctx, t, folder, run.ID, r.possibleKeys(*run)...)
}

// adopt writes into the run what its manifest says.
func adopt(run *store.Run, targetName string, m target.Manifest) {
	run.RawBytes, run.RawXXH64, run.StoredBytes, run.SHA256 = m.Raw.Bytes, m.Raw.XXH64, m.Stored.Bytes, m.Stored.SHA256
	run.Proof, run.EngineVersion, run.Image, run.ImageDigest, run.Warnings = m.Proof, m.EngineVersion, m.Image, m.ImageDigest, m.Warnings
	run.FinishedAt = m.FinishedAt
	row := store.Artifact{RunID: run.ID, Target: targetName, Key: m.Key, Bytes: m.Stored.Bytes, SHA256: m.Stored.SHA256, State: store.Present}
	for i := range run.Artifacts {
		if run.Artifacts[i].Target == targetName {
			run.Artifacts[i] = row
			return
		}
	}
	run.Artifacts = append(run.Artifacts, row)
}

// awaitMissing makes copies due on the wanted targets that hold none.
func (r *Runner) awaitMissing(run *store.Run) {
	rows := map[string]bool{}
	for _, a := range run.Artifacts {
		rows[a.Target] = true
	}
	for _, name := range run.Targets {
		if !rows[name] {
			run.Artifacts = append(run.Artifacts, store.Artifact{
				RunID: run.ID, Target: name, Key: run.Artifacts[0].Key, Bytes: run.StoredBytes, SHA256: run.SHA256, State: store.Due,
			})
		}
	}
}

// recoverAll puts the world in order after whatever ended the last process: the journal first, before anything
// else, then the runs that died, then the containers that they left.
func (r *Runner) recoverAll(ctx context.Context) error {
	if err := r.cfg.Engine.Ping(ctx); err == nil {
		if err := r.cfg.Engine.RemoveLeftovers(ctx); err != nil {
			r.log.Warn().Err(err).Msg("remove helper containers of an earlier process")
		}
	}
	// An engine that is away is no reason not to start: maintenance replays the journal until it is empty.
	if err := r.replayJournal(ctx); err != nil {
		r.log.Error().Err(err).Msg("replay the journal")
	}
	runs, groups, err := r.cfg.Store.Interrupt(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := r.settleInterrupted(ctx, run); err != nil {
			return fmt.Errorf("settle the interrupted run %s: %w", run.ID, err)
		}
		r.log.Warn().Str("job", run.JobID()).Str("run", run.ID).Msg("a run was interrupted by the appliance's last end")
	}
	r.interrupted = runs
	if err := r.settleInterruptedGroups(ctx, groups); err != nil {
		return err
	}
	r.waiting, err = r.cfg.Store.QueuedRuns(ctx)
	return err
}

// requeue queues again what waited when the last process ended, and catches up a scheduled run that died, once.
func (r *Runner) requeue(ctx context.Context) {
	plan := r.Snapshot()
	for _, run := range r.waiting {
		if run.GroupRun != "" {
			continue // goes with its group
		}
		if job, ok := plan.find(run.JobID()); ok {
			r.submit(run.ID, job)
			continue
		}
		r.skipAbsent(ctx, run)
	}
	r.requeueGroups(ctx, plan)
	for _, run := range r.interrupted {
		job, ok := plan.find(run.JobID())
		if !ok || run.GroupRun != "" || run.Trigger != "schedule" || !r.cfg.CatchUp || r.queue.busy(run.JobID()) {
			continue // a catch-up that died is not caught up again: it may be what kills us
		}
		if last, err := r.cfg.Store.Latest(ctx, run.JobID()); err != nil || last.ID != run.ID || last.State != store.Interrupted {
			continue
		}
		if _, err := r.enqueue(ctx, job, "catch-up", run.ScheduledFor, false); err != nil {
			r.log.Error().Err(err).Str("job", run.JobID()).Msg("catch up an interrupted run")
		}
	}
}

// skipAbsent records a run that waited and whose job is gone.
func (r *Runner) skipAbsent(ctx context.Context, run store.Run) {
	run.State, run.Cause, run.FinishedAt = store.Skipped, causeAbsent, r.now()
	run.Error = "no container declares this job any more"
	if err := r.cfg.Store.UpdateRun(ctx, run); err != nil {
		r.log.Error().Err(err).Str("run", run.ID).Msg("record a skipped run")
	}
}
