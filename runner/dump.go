package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// dump streams the backup to its target. released is called as soon as the dump has ended, whatever became of it, and
// its error fails the dump. After a failure nothing is left on the target, or the journal knows what is.
func (r *Runner) dump(ctx context.Context, b *backup, released func() error) error {
	r.progress.phase(b.run.ID, "dumping")
	var err error
	b.out, err = r.stream(ctx, streamJob{
		run: b.run.ID, entry: b.entry, options: b.options, container: b.container, compression: b.compression, target: b.dst,
		key: b.key.String(), extension: b.extension, expect: r.lastBackup(ctx, b.job.ID()).StoredBytes, released: released,
	})
	b.run.Warnings = slices.Concat(b.notes, b.out.report.Warnings)
	b.run.EngineVersion, b.run.HelperStart = b.out.report.EngineVersion, b.out.helperStart
	if err != nil {
		return r.afterFailedStream(ctx, b, err)
	}
	return nil
}

// seal commits a dumped backup: the manifest, then the record. After a failure nothing of it is left.
func (r *Runner) seal(ctx context.Context, b *backup) error {
	var err error
	if b.run.Proof, err = json.Marshal(b.out.proof); err != nil {
		r.cleanUp(ctx, b)
		return failed(causeProof, false, fmt.Errorf("encode the proof: %w", err))
	}
	b.run.RawBytes, b.run.RawXXH64, b.run.StoredBytes, b.run.SHA256 = b.out.rawBytes, b.out.rawXXH64, b.out.storedBytes, b.out.storedSHA256
	r.warnShrunk(ctx, b.run)
	if err := putManifest(ctx, b.dst, r.manifestOf(b)); err != nil {
		r.cleanUp(ctx, b)
		return failedOn(b.dst.Name(), err)
	}
	if err := r.commit(ctx, b); err != nil {
		r.cleanUp(ctx, b)
		return failed(causeRecord, false, err)
	}
	return nil
}

// commit records the artifact, and the copies that are due from now on, all at once or not at all.
func (r *Runner) commit(ctx context.Context, b *backup) error {
	run, key := b.run, b.key.String()
	run.Artifacts = []store.Artifact{{
		RunID: run.ID, Target: b.dst.Name(), Key: key, Bytes: run.StoredBytes, SHA256: run.SHA256,
		Hash: b.out.object.Hash, State: store.Present, UpdatedAt: r.now(),
	}}
	for _, name := range b.job.Targets {
		if name != b.dst.Name() {
			run.Artifacts = append(run.Artifacts, store.Artifact{
				RunID: run.ID, Target: name, Key: key, Bytes: run.StoredBytes, SHA256: run.SHA256, State: store.Due, UpdatedAt: r.now(),
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
func (r *Runner) afterFailedStream(ctx context.Context, b *backup, err error) error {
	r.cleanUp(ctx, b)
	f, ok := errors.AsType[*failure](err)
	if errors.Is(err, errNotHeld) {
		return failed(causeHold, true, err) // whoever started it may let it be next time
	}
	if ok && f.cause != causeDump {
		return err
	}
	now, lookErr := r.afterFailure(ctx, b.info, err)
	switch {
	case errors.Is(lookErr, strategy.ErrNoContainer):
		return failed(causeContainer, true, fmt.Errorf("the container was removed during the run: %w", err))
	case lookErr == nil && now.State != b.info.State && b.info.State == "running":
		return failed(causeContainer, true, fmt.Errorf("the container is %s since the dump began: %w", now.State, err))
	}
	return err
}

// afterFailure is the container as it is after a dump failed. A command that was killed may have been killed with its
// container, which the engine knows a moment later than the command's own end.
func (r *Runner) afterFailure(ctx context.Context, was strategy.Info, err error) (strategy.Info, error) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	exit, ok := errors.AsType[*strategy.ExitError](err)
	killed := ok && exit.Code == 137
	for {
		now, lookErr := r.cfg.Engine.Inspect(look, was.ID)
		if lookErr != nil || !killed || now.State != was.State {
			return now, lookErr
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-look.Done():
			return now, nil
		}
	}
}

// cleanUp removes what a failed attempt may have left. What cannot be removed now is kept in the journal and
// removed later.
func (r *Runner) cleanUp(ctx context.Context, b *backup) {
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	key, folder, id := b.key.String(), b.key.Folder(), b.run.ID
	if err := removeAttempt(clean, b.dst, folder, id, key); err != nil {
		r.log.Warn().Err(err).Str("run", id).Str("target", b.dst.Name()).Msg("clean up later")
		if err := r.rememberCleanup(clean, id, b.dst.Name(), folder, []string{key}); err != nil {
			r.log.Error().Err(err).Str("run", id).Msg("record what is to be cleaned up")
		}
	}
}
