package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/retention"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// safetyAge is how long the backups that restores take first are kept; the newest one stays in any case. They hold
// what somebody wanted to replace, so they neither count for a policy nor push good backups out.
const safetyAge = 14 * 24 * time.Hour

// Prune applies the retention of one job, or of all jobs when jobID is empty. A job that no container declares any
// more is pruned only when absent is set, and then wholly: that is how its backups are given up. With dryRun nothing
// is removed.
func (r *Runner) Prune(ctx context.Context, jobID string, absent, dryRun bool) ([]PruneResult, error) {
	rows, err := r.cfg.Store.Jobs(ctx, true)
	if err != nil {
		return nil, err
	}
	var out []PruneResult
	var errs []error
	matched := false
	for _, row := range rows {
		if jobID != "" && row.ID != jobID {
			continue
		}
		matched = true
		job, declared := r.Snapshot().find(row.ID)
		switch {
		case declared:
			results, err := r.pruneJob(ctx, row.ID, job.Retention, zoneOf(job), dryRun)
			out, errs = append(out, results...), append(errs, err)
		case !row.Declared && absent:
			results, err := r.pruneAbsent(ctx, row, dryRun)
			out, errs = append(out, results...), append(errs, err)
		case jobID != "" && !row.Declared:
			return nil, &RefusedError{Why: fmt.Sprintf("job %s is absent: no container declares it, so nothing of it is pruned; `prune --absent %s` removes all its backups", jobID, jobID)}
		case jobID != "":
			return nil, &RefusedError{Why: fmt.Sprintf("job %s is refused by a problem with its labels: nothing of it is pruned until that is mended", jobID)}
		}
	}
	if jobID != "" && !matched {
		return nil, &NotFoundError{What: fmt.Sprintf("no job %s is known", jobID)}
	}
	return out, errors.Join(errs...)
}

// pruneAfter prunes a job after its run, by what its labels say now. Nothing is pruned after a safety backup, which is
// taken in the middle of a restore, nor of a job that no container declares or that a problem refuses. A failure to
// prune is said, and changes nothing about the run.
func (r *Runner) pruneAfter(ctx context.Context, run store.Run) {
	job, declared := r.Snapshot().find(run.JobID())
	if !declared || run.Trigger == triggerSafety {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	if _, err := r.pruneJob(ctx, job.ID(), job.Retention, zoneOf(job), false); err != nil {
		r.log.Error().Err(err).Str("job", job.ID()).Msg("prune")
	}
}

// pruneJob decides for each target on its own what to keep there, and removes the rest.
func (r *Runner) pruneJob(ctx context.Context, jobID string, policy labels.Retention, zone *time.Location, dryRun bool) ([]PruneResult, error) {
	runs, err := r.cfg.Store.Backups(ctx, jobID)
	if err != nil {
		return nil, err
	}
	awaited := map[string]string{} // run → a target that waits for a copy it would keep
	var decisions []pruneDecision
	for _, name := range targetsOf(runs) {
		own := retention.Policy(policy)
		if p, ok := r.cfg.RetentionByTarget[name]; ok {
			own = retention.Policy(p)
		}
		// What a target awaits must not push out what it holds: a target that is away for weeks would end empty.
		decisions = append(decisions, decide(runs, name, own, r.now(), zone, false)...)
		for _, d := range decide(runs, name, own, r.now(), zone, true) {
			if d.artifact.State == store.Due {
				decisions = append(decisions, d)
				if d.keep {
					awaited[d.run.ID] = name
				}
			}
		}
	}
	var out []PruneResult
	for _, d := range decisions {
		if name := awaited[d.run.ID]; name != "" && name != d.artifact.Target && !d.keep {
			d.keep, d.reasons = true, []string{"a copy on " + name + " is still due"}
		}
		out = append(out, r.prune(ctx, d, dryRun))
	}
	return out, resultErrors(out)
}

// pruneDecision is one backup on one target.
type pruneDecision struct {
	run      store.Run
	artifact store.Artifact
	keep     bool
	reasons  []string
}

// decide applies a policy to what one target holds, and with due to what it awaits too. Safety backups go by their age alone.
func decide(runs []store.Run, targetName string, policy retention.Policy, now time.Time, zone *time.Location, due bool) []pruneDecision {
	byID := map[string]pruneDecision{}
	var backups []retention.Backup
	var out, ahead []pruneDecision
	newestSafety := true
	for _, run := range runs { // newest first
		a, ok := artifactOn(run, targetName)
		if !ok || !a.Held() && (!due || a.State != store.Due) {
			continue
		}
		d := pruneDecision{run: run, artifact: a}
		if run.Trigger == triggerSafety {
			d.keep = run.Pinned || newestSafety || now.Sub(run.StartedAt) < safetyAge
			d.reasons = []string{"safety backup of a restore"}
			newestSafety = false
			out = append(out, d)
			continue
		}
		if run.StartedAt.After(now.Add(time.Minute)) { // it would push out all that is newer in truth
			ahead = append(ahead, d)
			continue
		}
		byID[run.ID] = d
		// What a partial run left is whole where it is held: there it counts like any other.
		backups = append(backups, retention.Backup{ID: run.ID, Time: run.StartedAt, Good: true, Pinned: run.Pinned})
	}
	for _, d := range ahead {
		d.keep, d.reasons = true, []string{"its date is in the future: was the clock wrong?"}
		out = append(out, d)
	}
	lastGood := false
	for _, verdict := range policy.Apply(backups, now, zone) { // newest first
		d := byID[verdict.ID]
		d.keep, d.reasons = verdict.Keep, verdict.Reasons
		if d.run.State == store.Succeeded && !lastGood {
			lastGood = true
			if !d.keep {
				d.keep, d.reasons = true, []string{"the last one that every wanted target held"}
			}
		}
		out = append(out, d)
	}
	return out
}

func artifactOn(run store.Run, targetName string) (store.Artifact, bool) {
	for _, a := range run.Artifacts {
		if a.Target == targetName {
			return a, true
		}
	}
	return store.Artifact{}, false
}

func targetsOf(runs []store.Run) []string {
	seen := map[string]bool{}
	var out []string
	for _, run := range runs {
		for _, a := range run.Artifacts {
			if !seen[a.Target] {
				seen[a.Target] = true
				out = append(out, a.Target)
			}
		}
	}
	return out
}

// prune carries one decision out.
func (r *Runner) prune(ctx context.Context, d pruneDecision, dryRun bool) PruneResult {
	res := PruneResult{
		Job: d.run.JobID(), RunID: d.run.ID, Target: d.artifact.Target, Key: d.artifact.Key, TakenAt: d.run.StartedAt,
		Bytes: d.artifact.Bytes, Remove: !d.keep, Reasons: d.reasons,
	}
	if _, reading := r.restoring.Load(d.run.ID); reading {
		res.Remove, res.Reasons = false, []string{"it is being restored"}
		return res
	}
	if d.keep || dryRun {
		return res
	}
	if err := r.removeBackup(ctx, d.run, d.artifact); err != nil {
		res.Error = err.Error()
		return res
	}
	a := d.artifact
	a.State, a.UpdatedAt = store.Pruned, r.now()
	if err := r.cfg.Store.PutArtifact(ctx, a); err != nil {
		res.Error = err.Error()
	}
	return res
}

// removeBackup takes one backup off a target: the manifest first, so that it is never listed without its object.
// It refuses a key outside the job's own folder, whatever the record says.
func (r *Runner) removeBackup(ctx context.Context, run store.Run, a store.Artifact) error {
	if a.State == store.Due {
		return nil // nothing is there yet: the copy is given up
	}
	key, err := target.ParseKey(a.Key)
	folder := target.Key{Instance: run.Instance, Project: run.Project, Service: run.Service, Job: run.Job}.Folder()
	if err != nil || key.RunID != run.ID || !strings.HasPrefix(a.Key, folder) {
		return fmt.Errorf("refuse to remove %s: it is not a key of run %s", a.Key, run.ID)
	}
	t, ok := r.cfg.Targets.Get(a.Target)
	if !ok {
		return fmt.Errorf("target %s is not configured any more: its object %s stays", a.Target, a.Key)
	}
	if err := t.Claimed(ctx, r.cfg.Store.Instance(), r.cfg.Store.ID()); err != nil {
		return fmt.Errorf("see whose folder it is: %w", err)
	}
	for _, k := range []string{a.Key + target.ManifestSuffix, a.Key} {
		if err := t.Remove(ctx, k); err != nil && !errors.Is(err, target.ErrNotFound) {
			return err
		}
	}
	return nil
}

// pruneAbsent removes every backup of a job that no container declares any more, and forgets the job when none is left.
func (r *Runner) pruneAbsent(ctx context.Context, row store.Job, dryRun bool) ([]PruneResult, error) {
	runs, err := r.cfg.Store.Backups(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	var out []PruneResult
	for _, run := range runs {
		for _, a := range run.Artifacts {
			if a.Held() || a.State == store.Due {
				out = append(out, r.prune(ctx, pruneDecision{run: run, artifact: a, keep: run.Pinned, reasons: []string{"job is absent"}}, dryRun))
			}
		}
	}
	if err := resultErrors(out); err != nil || dryRun {
		return out, err
	}
	if runs, err = r.cfg.Store.Backups(ctx, row.ID); err != nil || len(runs) > 0 {
		return out, err
	}
	return out, r.cfg.Store.ForgetJob(ctx, row.ID)
}

func resultErrors(results []PruneResult) error {
	var errs []error
	for _, res := range results {
		if res.Error != "" {
			errs = append(errs, fmt.Errorf("prune %s on %s: %s", res.Key, res.Target, res.Error))
		}
	}
	return errors.Join(errs...)
}

// pruneHistory forgets old runs of which no backup exists any more.
func (r *Runner) pruneHistory(ctx context.Context) error {
	_, err := r.cfg.Store.PruneHistory(ctx, r.now().Add(-r.cfg.HistoryRetention))
	return err
}

// zoneOf is the zone in which a job counts days and weeks.
func zoneOf(job labels.Job) *time.Location {
	zone, err := time.LoadLocation(job.Schedule.Timezone())
	if err != nil { // the decoder took it, so this machine had it
		return time.UTC
	}
	return zone
}
