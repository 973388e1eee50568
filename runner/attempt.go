package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// backup is one attempt of one job on its way through its phases: prepare, pre, hold, dump, post, seal. They are apart
// so that the members of a group can be taken through each of them together.
type backup struct {
	run         *store.Run
	job         labels.Job
	entry       strategy.Entry
	info        strategy.Info
	container   strategy.Container
	options     strategy.Options
	dst         *target.Target
	key         target.Key
	extension   string   // of the raw form
	group       []string // ids of the members of its group run
	compression transform.Compression
	out         streamed     // what the dump left; sealed or cleaned up
	notes       []string     // warnings from before the dump
	promised    *store.Entry // post's entry in the journal
}

// attempt makes one backup on the first target of order that is fit to take it. On success the run holds the
// artifact; on failure nothing of it is listed anywhere.
func (r *Runner) attempt(ctx context.Context, run *store.Run, job labels.Job, order []string) error {
	b, err := r.prepare(ctx, run, job, order)
	if err != nil {
		return err
	}
	state := stateDumped
	if err = r.pre(ctx, b); err == nil {
		err = r.holdAndDump(ctx, b)
	}
	if err != nil {
		state = stateFailed
	}
	r.post(ctx, b, state)
	if err != nil {
		return err
	}
	return r.seal(ctx, b)
}

// holdAndDump holds the container if asked, and lets it go as soon as its dump has ended.
func (r *Runner) holdAndDump(ctx context.Context, b *backup) error {
	members, err := r.membersOf(ctx, b.job)
	if err != nil {
		return failed(causeHold, true, err)
	}
	release, err := r.holdMembers(ctx, b.run.ID, members)
	if err != nil {
		return failed(causeHold, false, errors.Join(err, release()))
	}
	r.noteWriters(ctx, b)
	err = r.dump(ctx, b, func() error {
		err := release()
		b.run.ReleasedAt = r.now()
		return err
	})
	// Asked again, whatever else failed: no further attempt may read the files of a service that is not back.
	if back := release(); err != nil && back != nil && !errors.Is(back, errNotHeld) {
		if !errors.Is(err, back) {
			err = errors.Join(err, back)
		}
		return failed(causeHold, false, err)
	}
	return err
}

// prepare finds the container and a target, and sees that they fit. When it returns the record knows where the backup
// will be written, and nothing else has been changed.
func (r *Runner) prepare(ctx context.Context, run *store.Run, job labels.Job, order []string) (*backup, error) {
	run.Warnings = nil
	b := &backup{run: run, job: job, options: optionsOf(job, run.ID), compression: transform.Compression(job.Compression)}
	if err := r.findSource(ctx, b); err != nil {
		return nil, err
	}
	var err error
	if b.dst, err = r.firstFit(ctx, job, order); err != nil {
		return nil, err
	}
	if b.extension, err = extensionOf(ctx, b); err != nil {
		return nil, failed(causeStrategy, false, fmt.Errorf("see what there is to back up: %w", err))
	}
	b.options.Extension = b.extension
	b.key = target.Key{
		Instance: r.cfg.Store.Instance(), Project: job.Project, Service: job.Service, Job: job.Name,
		Time: run.StartedAt, RunID: run.ID, Extension: b.extension + b.compression.Extension(),
	}
	run.Key = b.key.String()
	if err := r.cfg.Store.UpdateRun(ctx, *run); err != nil {
		return nil, failed(causeRecord, false, fmt.Errorf("record where the backup goes: %w", err))
	}
	return b, nil
}

// findSource looks up the strategy and the container as it is now, and sees that the one can work on the other.
func (r *Runner) findSource(ctx context.Context, b *backup) error {
	var ok bool
	if b.entry, ok = r.entry(b.job.Strategy); !ok || !b.entry.Available {
		return failed(causeStrategy, false, fmt.Errorf("strategy %s is not available in this version", b.job.Strategy))
	}
	var err error
	if b.info, err = r.resolve(ctx, b.job.Project, b.job.Service); err != nil {
		return failed(causeContainer, true, err)
	}
	if err := fit(b.entry, b.info); err != nil {
		return failed(causeContainer, false, fmt.Errorf("%w, or set the label enable=false to leave it out", err))
	}
	if err := r.refuseOwnData(b.entry, b.info, b.job.Paths); err != nil {
		return failed(causeStrategy, false, err)
	}
	b.container = r.cfg.Engine.Container(b.info)
	b.run.Container, b.run.Image, b.run.ImageDigest = b.info.Name, b.info.Image, b.info.ImageDigest
	return nil
}

// extensionOf is the extension of the raw form: the strategy's own, or what it says of this job.
func extensionOf(ctx context.Context, b *backup) (string, error) {
	if namer, ok := b.entry.Strategy.(strategy.Namer); ok {
		return namer.Extension(ctx, b.container, b.options)
	}
	return b.entry.Extension, nil
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
		return fmt.Errorf("container %s is %s: %s runs a command inside it; start it", info.Name, info.State, entry.Name)
	}
}

// resolve looks the service's container up anew: the one with the lowest number, inspected.
func (r *Runner) resolve(ctx context.Context, project, service string) (strategy.Info, error) {
	infos, err := r.cfg.Engine.List(ctx)
	if err != nil {
		return strategy.Info{}, fmt.Errorf("list containers: %w", err)
	}
	info, ok := lowest(infos, project, service)
	if !ok {
		return strategy.Info{}, fmt.Errorf("%s/%s: %w", project, service, strategy.ErrNoContainer)
	}
	return r.cfg.Engine.Inspect(ctx, info.ID)
}
