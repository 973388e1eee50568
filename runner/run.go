package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/store"
)

// storeTimeout bounds the last writes of a run, which happen on a context of their own: a run that was cut short
// is recorded all the same.
const storeTimeout = 10 * time.Second

// firstBackoff is the pause before the second attempt; each further one is four times as long.
const firstBackoff = 5 * time.Second

// execute does one recorded run from its queue to its end.
func (r *Runner) execute(ctx context.Context, id string, job labels.Job) {
	defer r.progress.end(id)
	run, err := r.cfg.Store.Run(ctx, id)
	if err != nil {
		r.log.Error().Err(err).Str("run", id).Msg("read a queued run")
		return
	}
	if run.State != store.Queued {
		return // done already
	}
	if current, ok := r.Snapshot().find(job.ID()); ok {
		job = current // the labels may have changed while it waited
	}
	r.begin(ctx, &run, job, r.now())
	limit := &timeoutError{fmt.Sprintf("the job's timeout of %s has passed; set the label timeout to allow more", job.Timeout)}
	bounded, cancel := context.WithTimeoutCause(ctx, job.Timeout, limit)
	defer cancel()
	err = r.attempts(bounded, &run, job)
	if err == nil {
		r.progress.phase(id, "copying")
		r.copyAll(bounded, &run)
	}
	r.finish(bounded, &run, err)
}

// begin records that a run is under way.
func (r *Runner) begin(ctx context.Context, run *store.Run, job labels.Job, at time.Time) {
	run.State, run.StartedAt, run.Strategy, run.Targets, run.Quorum = store.Running, at, job.Strategy, job.Targets, job.Quorum
	if err := r.cfg.Store.UpdateRun(ctx, *run); err != nil {
		r.log.Error().Err(err).Str("job", job.ID()).Str("run", run.ID).Msg("record that a run begins")
	}
	r.progress.start(run.ID, "checking", r.lastBackup(ctx, job.ID()).RawBytes, r.now())
}

// attempts backs up until it works, the error is not worth another try, or the tries are used up. When a target
// fails in mid-stream the next named one takes the stream at once.
func (r *Runner) attempts(ctx context.Context, run *store.Run, job labels.Job) error {
	order, pause := r.order(job), firstBackoff
	for tries := 0; ; {
		run.Attempt++
		err := r.attempt(ctx, run, job, order)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if left := without(order, failedTarget(err)); len(left) > 0 && len(left) < len(order) {
			r.log.Warn().Err(err).Str("job", job.ID()).Str("run", run.ID).Str("next", left[0]).Msg("a target failed; the next one takes the stream")
			order = left
			continue
		}
		if tries >= job.Retries || !worthRetry(ctx, err) {
			return err
		}
		tries++
		r.log.Warn().Err(err).Str("job", job.ID()).Str("run", run.ID).Int("attempt", run.Attempt).Msg("attempt failed; trying again")
		r.progress.phase(run.ID, "waiting to try again")
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		order, pause = r.order(job), pause*4
	}
}

// order is which targets may take the stream, the first named one first. While a container is held only those on
// this machine may.
func (r *Runner) order(job labels.Job) []string { return r.orderHeld(job, job.Holds()) }

// orderHeld is the order of a job while it, or another one of its group, holds a container.
func (r *Runner) orderHeld(job labels.Job, held bool) []string {
	if !held {
		return job.Targets
	}
	return slices.DeleteFunc(slices.Clone(job.Targets), func(name string) bool { return !r.isLocal(name) })
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// finish records how a run ended, says it once, and prunes after a run that left a backup.
func (r *Runner) finish(ctx context.Context, run *store.Run, err error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	run.FinishedAt = r.now()
	if err != nil {
		run.State = store.Failed
		var told error
		run.Cause, told = causeOf(ctx, err)
		if run.Error = told.Error(); run.Error != err.Error() {
			run.Error += " (it met: " + err.Error() + ")"
		}
		if run.Cause == causeShutdown {
			run.State = store.Interrupted
		}
	} else {
		settleState(run)
	}
	if err := r.cfg.Store.UpdateRun(last, *run); err != nil {
		r.log.Error().Err(err).Str("job", run.JobID()).Str("run", run.ID).Msg("record the end of a run")
		r.storeErr.Store(err.Error())
	} else {
		r.storeErr.Store("")
	}
	r.tell(last, *run)
	if run.State == store.Succeeded || run.State == store.Partial {
		r.pruneAfter(last, *run)
	}
}

// settleState says what the targets that hold the backup make of the run.
func settleState(run *store.Run) {
	held, errs := 0, ""
	for _, a := range run.Artifacts {
		if a.Held() {
			held++
		} else if a.Error != "" {
			errs += "; " + a.Target + ": " + a.Error
		}
	}
	switch {
	case held >= max(run.Quorum, 1):
		run.State, run.Cause, run.Error = store.Succeeded, "", ""
	case held > 0:
		run.State, run.Cause = store.Partial, causeTarget
		run.Error = fmt.Sprintf("%d of %d wanted targets hold the backup%s", held, run.Quorum, errs)
	default:
		run.State, run.Cause, run.Error = store.Failed, causeTarget, "no target holds the backup"+errs
	}
}

// tell writes the one log line and the event of a run's end.
func (r *Runner) tell(ctx context.Context, run store.Run) {
	line := r.log.Info()
	if run.State != store.Succeeded {
		line = r.log.Error()
	}
	line.Str("job", run.JobID()).Str("run", run.ID).Str("state", run.State).Str("cause", run.Cause).Str("trigger", run.Trigger).
		Dur("took", run.FinishedAt.Sub(run.StartedAt)).Int64("raw_bytes", run.RawBytes).Int64("stored_bytes", run.StoredBytes).
		Strs("warnings", run.Warnings).Str("error", run.Error).Msg("run " + run.State)
	text := fmt.Sprintf("run %s: %s in %s", run.State, humanize.IBytes(uint64(max(run.StoredBytes, 0))), run.FinishedAt.Sub(run.StartedAt).Round(time.Millisecond))
	if run.Error != "" {
		text = "run " + run.State + ": " + run.Error
	}
	if err := r.cfg.Store.AppendEvent(ctx, store.Event{
		Actor: run.Trigger, Kind: "run-" + run.State, Project: run.Project, Service: run.Service, Job: run.Job, RunID: run.ID, Text: text,
	}); err != nil {
		r.log.Error().Err(err).Str("run", run.ID).Msg("record an event")
	}
}

// lastBackup is the job's newest backup that a restore would choose; the zero run when there is none.
func (r *Runner) lastBackup(ctx context.Context, jobID string) store.Run {
	runs, err := r.cfg.Store.Backups(ctx, jobID)
	if err != nil {
		return store.Run{}
	}
	for _, run := range runs {
		if run.Trigger != triggerSafety {
			return run
		}
	}
	return store.Run{}
}
