package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// triggerSafety marks the backup that a restore takes of what it is about to replace.
const triggerSafety = "safety"

// restoreTimeout bounds every restore: it must end some day, but nobody's patience is to decide when.
const restoreTimeout = 24 * time.Hour

// StartRestore checks the request, records the restore and queues it; the work goes on by itself. A restore waits
// for a run of the same service, and takes no slot of the global limit.
func (r *Runner) StartRestore(ctx context.Context, req RestoreRequest) (string, error) {
	select {
	case <-r.ready:
	default:
		return "", &RefusedError{Why: "the appliance is still putting in order what its last end left; try again in a moment"}
	}
	c, err := r.choose(ctx, req)
	if err != nil {
		return "", err
	}
	req.RunID, req.At = c.manifest.Run, time.Time{} // a backup that ends meanwhile is not the one that was asked for
	row := store.Restore{
		ID: store.NewID(), RunID: c.manifest.Run, Key: c.manifest.Key, Source: c.target.Name(),
		Project: c.manifest.Project, Service: c.manifest.Service, Job: c.manifest.Job, ToProject: c.project, ToService: c.service,
		State: store.Queued, StartedAt: r.now(), RawBytes: c.manifest.Raw.Bytes,
	}
	if err := r.cfg.Store.PutRestore(ctx, row); err != nil {
		return "", fmt.Errorf("record the restore: %w", err)
	}
	locks := []string{c.project + "/" + c.service}
	for _, info := range c.stops {
		id, _, _ := labels.IdentityOf(info.Name, info.Labels)
		locks = append(locks, id.Project+"/"+id.Service)
	}
	r.restoring.Store(row.RunID, row.ID)
	r.progress.start(row.ID, "queued", row.RawBytes, r.now())
	if !r.queue.submit(&task{id: row.ID, jobs: []string{"restore/" + row.ID}, locks: locks, free: true, do: func(ctx context.Context) { r.executeRestore(ctx, row, req) }}) {
		return "", &RefusedError{Why: errShutdown.Error()}
	}
	return row.ID, nil
}

// executeRestore does one recorded restore from its queue to its end.
func (r *Runner) executeRestore(ctx context.Context, row store.Restore, req RestoreRequest) {
	defer r.progress.end(row.ID)
	defer r.restoring.CompareAndDelete(row.RunID, row.ID)
	ctx, cancel := context.WithTimeoutCause(ctx, restoreTimeout, &timeoutError{"the restore took longer than " + restoreTimeout.String()})
	defer cancel()
	r.progress.start(row.ID, "checking", row.RawBytes, r.now())
	row.State = store.Running
	err := r.cfg.Store.PutRestore(ctx, row)
	if err == nil {
		err = r.restore(ctx, &row, req)
	}
	r.endRestore(ctx, &row, err)
}

// endRestore records how a restore, or one of a group, ended, and says it once.
func (r *Runner) endRestore(ctx context.Context, row *store.Restore, err error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	row.FinishedAt, row.State = r.now(), store.Succeeded
	line := r.log.Info()
	if err != nil {
		row.State, row.Error = store.Failed, err.Error()
		line = r.log.Error().Err(err)
	}
	what, of := "run", row.RunID
	if row.GroupRun != "" {
		what, of = "group run", row.GroupRun
	}
	line.Str("restore", row.ID).Str("run", of).Str("to", strings.TrimSuffix(row.ToProject+"/"+row.ToService, "/")).Dur("took", row.FinishedAt.Sub(row.StartedAt)).Msg("restore " + row.State)
	text := "restore of " + what + " " + of + " " + row.State
	if row.Error != "" {
		text += ": " + row.Error
	}
	err = errors.Join(r.cfg.Store.PutRestore(last, *row), r.cfg.Store.AppendEvent(last, store.Event{
		Actor: "owner", Kind: "restore-" + row.State, Project: row.ToProject, Service: row.ToService, Job: row.Job, RunID: of, Text: text,
	}))
	if row.State == store.Succeeded && row.PartOf == "" {
		err = errors.Join(err, r.settleHalfRestored(last, *row))
	}
	if err != nil {
		r.log.Error().Err(err).Str("restore", row.ID).Msg("record the end of a restore")
	}
}

// restore does the work: choose again (the world may have changed while it waited), save what is there, stop who
// uses it, put the backup in its place, bring everyone back.
func (r *Runner) restore(ctx context.Context, row *store.Restore, req RestoreRequest) error {
	c, err := r.choose(ctx, req)
	if err != nil {
		return unchanged(err)
	}
	c.options.Token = row.ID
	if !req.NoSafety {
		r.progress.phase(row.ID, "safety backup")
		if row.SafetyRun, err = r.safetyBackup(ctx, c, ""); err != nil {
			return unchanged(fmt.Errorf("take a safety backup of what is there now (--no-safety goes on without): %w", err))
		}
		if err := r.cfg.Store.PutRestore(ctx, *row); err != nil { // a crash from here on must not lose the way back
			return unchanged(fmt.Errorf("record the safety backup: %w", err))
		}
	}
	if !c.entry.Stages {
		r.progress.phase(row.ID, "checking the backup")
		if err := r.readThrough(ctx, c); err != nil {
			return unchanged(err)
		}
	}
	release, err := r.holdMembers(ctx, row.ID, stopped(c.stops))
	if err != nil {
		return errors.Join(unchanged(err), release())
	}
	report, err := r.putBack(ctx, row, c)
	if releaseErr := release(); releaseErr != nil {
		err = errors.Join(err, releaseErr)
	}
	if err != nil {
		return err
	}
	return r.compareRestored(row, c, report)
}

func unchanged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; nothing was changed, the service is as it was", err)
}

// putBack streams the backup into the strategy, under a journal entry that lets the next start finish or undo it.
func (r *Runner) putBack(ctx context.Context, row *store.Restore, c chosen) (strategy.Report, error) {
	note, err := json.Marshal(restoreNote{Strategy: c.entry.Name, Options: c.options, Restore: row.ID})
	if err != nil {
		return strategy.Report{}, unchanged(err)
	}
	entry := store.Entry{ID: store.NewID(), Kind: journalRestore, Project: c.project, Service: c.service, Container: c.info.ID, RunID: cmp.Or(row.PartOf, row.ID), Data: note, At: r.now()}
	r.held.set(entry.ID, true)
	defer r.held.set(entry.ID, false)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		return strategy.Report{}, unchanged(fmt.Errorf("write the journal: %w", err))
	}
	r.progress.phase(row.ID, "restoring")
	raw := transform.NewMeter(transform.NewXXH64())
	r.progress.meters(row.ID, raw, nil)
	r.progress.meters(row.PartOf, raw, nil)
	in, err := openBackup(ctx, c.target, c.manifest, r.cfg.Registry, r.cfg.Workers, raw)
	if err != nil {
		return strategy.Report{}, unchanged(errors.Join(err, r.cfg.Store.RemoveJournal(ctx, entry.ID)))
	}
	report, err := c.entry.Strategy.Restore(ctx, r.cfg.Engine.Container(c.info), c.options, in)
	closeErr := in.Close()
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err == nil {
		_ = closeErr // the stream was read to its proven end
		return report, r.cfg.Store.RemoveJournal(after, entry.ID)
	}
	if recoverer, ok := c.entry.Strategy.(strategy.Recoverer); ok && !errors.Is(err, strategy.ErrOldStateGone) {
		if e := recoverer.Recover(after, r.cfg.Engine.Container(c.info), c.options); e != nil {
			return report, fmt.Errorf("%w; clearing up after it did not work yet either (%w) and is tried again by itself", err, e)
		}
		return report, errors.Join(unchanged(err), r.cfg.Store.RemoveJournal(after, entry.ID))
	}
	state := "the strategy cannot stage, so the service may be between the old state and the new one"
	if row.SafetyRun != "" {
		state += "; `restore --run " + row.SafetyRun + "` brings back what was there before"
	}
	return report, errors.Join(fmt.Errorf("%w; %s", err, state), r.cfg.Store.RemoveJournal(after, entry.ID))
}

// compareRestored counts what the strategy found after the restore against the proof of the backup.
func (r *Runner) compareRestored(row *store.Restore, c chosen, report strategy.Report) error {
	if report.Restored == nil || len(c.manifest.Proof) == 0 {
		return nil
	}
	var want strategy.Proof
	if err := json.Unmarshal(c.manifest.Proof, &want); err != nil {
		return fmt.Errorf("read the proof of the backup: %w", err)
	}
	counted, err := json.Marshal(report.Restored)
	if err != nil {
		return fmt.Errorf("encode what was counted: %w", err)
	}
	row.Proof, row.Differences = counted, differences(want, *report.Restored)
	if len(row.Differences) > 0 {
		return fmt.Errorf("the backup was restored, but a count of it differs from its proof: %v", row.Differences)
	}
	return nil
}

// readThrough reads the whole backup once, to check it.
func (r *Runner) readThrough(ctx context.Context, c chosen) error {
	in, err := OpenBackup(ctx, c.target, c.manifest, r.cfg.Registry, r.cfg.Workers)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, in.Close())
}
