package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// attempt makes one backup on the first target of order that is fit to take it. On success the run holds the
// artifact; on failure nothing of it is listed anywhere.
func (r *Runner) attempt(ctx context.Context, run *store.Run, job labels.Job, order []string) error {
	entry, ok := r.entry(job.Strategy)
	if !ok || !entry.Available {
		return failed(causeStrategy, false, fmt.Errorf("strategy %s is not available in this version", job.Strategy))
	}
	info, err := r.resolve(ctx, job.Project, job.Service)
	if err != nil {
		return failed(causeContainer, true, err)
	}
	if err := fit(entry, info); err != nil {
		return failed(causeContainer, false, err)
	}
	if err := r.refuseOwnData(entry, info, job.Paths); err != nil {
		return failed(causeStrategy, false, err)
	}
	run.Container, run.Image, run.ImageDigest = info.Name, info.Image, info.ImageDigest
	dst, err := r.firstFit(ctx, job, order)
	if err != nil {
		return err
	}
	return r.backUp(ctx, run, job, entry, info, dst)
}

// backUp holds the container if asked, streams it to dst, and commits the object with its manifest.
func (r *Runner) backUp(ctx context.Context, run *store.Run, job labels.Job, entry strategy.Entry, info strategy.Info, dst *target.Target) error {
	compression := transform.Compression(job.Compression)
	key := target.Key{
		Instance: r.cfg.Store.Instance(), Project: job.Project, Service: job.Service, Job: job.Name,
		Time: run.StartedAt, RunID: run.ID, Extension: entry.Extension + compression.Extension(),
	}
	release, err := r.hold(ctx, run.ID, job, info)
	if err != nil {
		return failed(causeHold, false, err)
	}
	r.progress.phase(run.ID, "dumping")
	out, err := r.stream(ctx, streamJob{
		run: run.ID, entry: entry, options: optionsOf(job, run.ID), container: r.cfg.Engine.Container(info),
		compression: compression, target: dst, key: key.String(), expect: r.lastBackup(ctx, job.ID()).StoredBytes,
		released: func() error {
			err := release()
			run.ReleasedAt = r.now()
			return err
		},
	})
	run.Warnings, run.EngineVersion, run.HelperStart = out.report.Warnings, out.report.EngineVersion, out.helperStart
	if err != nil {
		return r.afterFailedStream(ctx, run, info, dst, key, err)
	}
	if run.Proof, err = json.Marshal(out.proof); err != nil {
		return failed(causeProof, false, fmt.Errorf("encode the proof: %w", err))
	}
	run.RawBytes, run.RawXXH64, run.StoredBytes, run.SHA256 = out.rawBytes, out.rawXXH64, out.storedBytes, out.storedSHA256
	if err := putManifest(ctx, dst, r.manifestOf(*run, job, entry, key)); err != nil {
		r.cleanUp(ctx, run.ID, dst, key)
		return failedOn(dst.Name(), err)
	}
	if err := r.commit(ctx, run, job, dst, key, out); err != nil {
		r.cleanUp(ctx, run.ID, dst, key)
		return failed(causeRecord, false, err)
	}
	return nil
}

// commit records the artifact, and the copies that are due from now on, all at once or not at all.
func (r *Runner) commit(ctx context.Context, run *store.Run, job labels.Job, dst *target.Target, key target.Key, out streamed) error {
	first := store.Artifact{
		RunID: run.ID, Target: dst.Name(), Key: key.String(), Bytes: run.StoredBytes, SHA256: run.SHA256,
		Hash: out.object.Hash, State: store.Present, UpdatedAt: r.now(),
	}
	run.Artifacts = []store.Artifact{first}
	for _, name := range job.Targets {
		if name != dst.Name() {
			run.Artifacts = append(run.Artifacts, store.Artifact{
				RunID: run.ID, Target: name, Key: key.String(), Bytes: run.StoredBytes, SHA256: run.SHA256, State: store.Due, UpdatedAt: r.now(),
			})
		}
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.cfg.Store.CommitRun(keep, *run); err != nil {
		run.Artifacts = nil
		return fmt.Errorf("record the backup: %w", err)
	}
	return nil
}

// afterFailedStream sees to it that nothing is left on the target, and tells a container that went away in the
// middle from a dump that failed.
func (r *Runner) afterFailedStream(ctx context.Context, run *store.Run, info strategy.Info, dst *target.Target, key target.Key, err error) error {
	r.cleanUp(ctx, run.ID, dst, key)
	f, ok := errors.AsType[*failure](err)
	if ok && f.cause != causeDump {
		return err
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, lookErr := r.cfg.Engine.Inspect(look, info.ID)
	switch {
	case errors.Is(lookErr, strategy.ErrNoContainer):
		return failed(causeContainer, true, fmt.Errorf("the container was removed during the run: %w", err))
	case lookErr == nil && now.State != info.State && info.State == "running":
		return failed(causeContainer, true, fmt.Errorf("the container is %s since the dump began: %w", now.State, err))
	}
	return err
}

// cleanUp removes what a failed attempt may have left. What cannot be removed now is kept in the journal and
// removed later.
func (r *Runner) cleanUp(ctx context.Context, runID string, dst *target.Target, key target.Key) {
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := removeAttempt(clean, dst, key.Folder(), runID, key.String()); err != nil {
		r.log.Warn().Err(err).Str("run", runID).Str("target", dst.Name()).Msg("clean up later")
		if err := r.rememberCleanup(clean, runID, dst.Name(), key.Folder(), []string{key.String()}); err != nil {
			r.log.Error().Err(err).Str("run", runID).Msg("record what is to be cleaned up")
		}
	}
}

// fit says whether the strategy can work on the container as it is now.
func fit(entry strategy.Entry, info strategy.Info) error {
	switch {
	case entry.Files:
		return nil
	case info.State == "running":
		return nil
	case info.State == "paused":
		return fmt.Errorf("container %s is paused: %s runs a command inside it; unpause it", info.Name, entry.Name)
	default:
		return fmt.Errorf("container %s is %s: %s runs a command inside it; start it, or set the label enable=false", info.Name, info.State, entry.Name)
	}
}

// resolve looks the service's container up anew: the one with the lowest number, inspected.
func (r *Runner) resolve(ctx context.Context, project, service string) (strategy.Info, error) {
	infos, err := r.cfg.Engine.List(ctx)
	if err != nil {
		return strategy.Info{}, fmt.Errorf("list containers: %w", err)
	}
	best, lowest := "", 0
	for _, info := range infos {
		id, number, oneoff := labels.IdentityOf(info.Name, info.Labels)
		if id.Project == project && id.Service == service && !oneoff && (best == "" || number < lowest) {
			best, lowest = info.ID, number
		}
	}
	if best == "" {
		return strategy.Info{}, fmt.Errorf("%s/%s: %w", project, service, strategy.ErrNoContainer)
	}
	return r.cfg.Engine.Inspect(ctx, best)
}
