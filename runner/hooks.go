package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// The hooks, and what post is told of the dump.
const (
	hookPre  = "pre"
	hookPost = "post"

	stateDumped = "dumped"
	stateFailed = "failed"
)

// stateVariable tells post what became of the dump.
const stateVariable = "SIMPLEDEPLOY_STATE"

// shutdownPatience is how long a post hook may go on once the appliance is to end; one that needs longer is run again
// at the next start.
const shutdownPatience = 5 * time.Second

// postNote is what a journal entry must know so that post is run whatever becomes of us.
type postNote struct {
	Job     string        `json:"job"`
	Attempt int           `json:"attempt"`
	Command string        `json:"command"`
	Timeout time.Duration `json:"timeout"`
	State   string        `json:"state"`
	Pre     string        `json:"pre,omitempty"` // the engine's id of the command that post has to come after
}

// pre runs the job's hook before the dump; its failure fails the attempt. That post will be run is in the journal
// before pre is tried. In a container that does not run no command can run: both are skipped, and the run says so.
func (r *Runner) pre(ctx context.Context, b *backup) error {
	if b.job.Pre == "" && b.job.Post == "" {
		return nil
	}
	if b.info.State != "running" {
		r.skipHooks(ctx, b)
		return nil
	}
	if err := r.promisePost(ctx, b); err != nil {
		return failed(causeRecord, false, fmt.Errorf("write the journal before hook pre: %w", err))
	}
	if b.job.Pre == "" {
		return nil
	}
	r.progress.phase(b.run.ID, "hook "+hookPre)
	hook, err := runHook(ctx, b.container, b.job.Pre, b.job.HookTimeout, r.preCreated(ctx, b), b.preMark()...)
	hook.RunID, hook.Attempt, hook.Name = b.run.ID, b.run.Attempt, hookPre
	r.recordHook(ctx, hook)
	if err != nil {
		return failed(causeHook, false, fmt.Errorf("hook pre: %w", err))
	}
	return nil
}

func (r *Runner) skipHooks(ctx context.Context, b *backup) {
	why := fmt.Sprintf("container %s is %s, and a hook runs only in one that is running", b.info.Name, b.info.State)
	b.notes = append(b.notes, "the hooks were skipped: "+why)
	for name, command := range map[string]string{hookPre: b.job.Pre, hookPost: b.job.Post} {
		if command != "" {
			r.recordHook(ctx, store.Hook{RunID: b.run.ID, Attempt: b.run.Attempt, Name: name, State: store.HookSkipped, Error: why})
		}
	}
}

// promisePost writes into the journal that post has to be run.
func (r *Runner) promisePost(ctx context.Context, b *backup) error {
	if b.job.Post == "" {
		return nil
	}
	note, err := json.Marshal(postNote{Job: b.job.Name, Attempt: b.run.Attempt, Command: b.job.Post, Timeout: b.job.HookTimeout, State: stateFailed})
	if err != nil {
		return err
	}
	entry := store.Entry{
		ID: store.NewID(), Kind: journalPost, Project: b.job.Project, Service: b.job.Service, Container: b.info.ID,
		RunID: b.run.ID, Data: note, At: r.now(),
	}
	r.held.set(entry.ID, true)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		r.held.set(entry.ID, false)
		return err
	}
	b.promised = &entry
	return nil
}

// post runs the job's hook after the dump and tells it what became of that: dumped or failed. It has a context of its
// own, and its failure changes nothing about the backup: it is a warning of the run, a line in the log and an event.
// One that cannot be run now is run as soon as it can be.
func (r *Runner) post(ctx context.Context, b *backup, state string) {
	if b.promised == nil {
		return
	}
	entry := *b.promised
	defer r.held.set(entry.ID, false)
	r.progress.phase(b.run.ID, "hook "+hookPost)
	ctx, cancel := r.pastEnd(ctx)
	defer cancel()
	var note postNote
	warning, err := "", json.Unmarshal(entry.Data, &note)
	if note.State = state; err == nil {
		warning, err = r.runPost(ctx, entry, note)
	}
	if err != nil {
		warning = "hook post could not be run yet and is run later: " + err.Error()
		r.log.Warn().Err(err).Str("job", b.job.ID()).Str("run", b.run.ID).Msg("hook post is run later")
		r.postpone(ctx, entry, note)
	}
	if warning != "" {
		b.run.Warnings = append(b.run.Warnings, warning)
	}
}

// postpone keeps what post is to be told for the time when it can be run.
func (r *Runner) postpone(ctx context.Context, entry store.Entry, note postNote) {
	data, err := json.Marshal(note)
	if err == nil {
		entry.Data = data
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		err = r.cfg.Store.AddJournal(ctx, entry)
	}
	if err != nil { // the entry stays as it was written first
		r.log.Error().Err(err).Str("run", entry.RunID).Msg("write the journal for hook post")
	}
}

// pastEnd is a context that outlives the end of a run. Once the appliance itself is to end it lasts a moment longer.
func (r *Runner) pastEnd(ctx context.Context) (context.Context, func()) {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(r.queue.ctx, func() {
		time.AfterFunc(shutdownPatience, func() { cancel(errShutdown) })
	})
	return own, func() {
		stop()
		cancel(nil)
	}
}

// runPost runs a promised hook in the container it was promised for. An error means that it could not be run: the
// journal keeps the entry. Once it was run, or nobody can run it any more, the entry is gone, and the warning says
// what the owner should know.
func (r *Runner) runPost(ctx context.Context, entry store.Entry, note postNote) (warning string, err error) {
	info, err := r.postContainer(ctx, entry, note)
	if err != nil && !errors.Is(err, errOtherHooks) {
		return "", err
	}
	var hook store.Hook
	if err == nil {
		hook, err = runHook(ctx, r.cfg.Engine.Container(info), note.Command, note.Timeout, nil, stateVariable+"="+note.State)
	} else {
		hook = store.Hook{State: store.HookSkipped, Error: err.Error()}
	}
	if errors.Is(context.Cause(ctx), errShutdown) && err != nil {
		return "", err
	}
	hook.RunID, hook.Attempt, hook.Name = entry.RunID, note.Attempt, hookPost
	r.recordHook(ctx, hook)
	if err != nil {
		warning = "hook post: " + err.Error()
		r.tellHookFailed(ctx, entry, note, err)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.cfg.Store.RemoveJournal(last, entry.ID); err != nil {
		r.log.Error().Err(err).Str("run", entry.RunID).Msg("take hook post out of the journal")
	}
	return warning, nil
}

var (
	errNotRunning = errors.New("the container does not run")
	errOtherHooks = errors.New("the container was made anew, and its labels name another hook")
)

// postContainer is the container that the hook was promised for, or the one that took its place if its labels still
// ask for the very same command: nobody's hook is ever run in somebody else's container.
func (r *Runner) postContainer(ctx context.Context, entry store.Entry, note postNote) (strategy.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	info, err := r.cfg.Engine.Inspect(ctx, entry.Container)
	if errors.Is(err, strategy.ErrNoContainer) {
		info, err = r.resolve(ctx, entry.Project, entry.Service)
		if errors.Is(err, strategy.ErrNoContainer) {
			return info, fmt.Errorf("%w: %s/%s has none", errNotRunning, entry.Project, entry.Service)
		}
		if err == nil && !declares(info, note.Command) {
			return info, errOtherHooks
		}
	}
	if err != nil {
		return info, fmt.Errorf("look for the container: %w", err)
	}
	if info.State != "running" {
		return info, fmt.Errorf("%w: %s is %s", errNotRunning, info.Name, info.State)
	}
	return info, nil
}

// tellHookFailed says a failed post hook where it is seen: in the log and in the feed.
func (r *Runner) tellHookFailed(ctx context.Context, entry store.Entry, note postNote, err error) {
	r.log.Error().Err(err).Str("job", entry.Project+"/"+entry.Service+"/"+note.Job).Str("run", entry.RunID).Msg("hook post failed")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.cfg.Store.AppendEvent(last, store.Event{
		Actor: "hook", Kind: "hook-failed", Project: entry.Project, Service: entry.Service, Job: note.Job, RunID: entry.RunID,
		Text: "hook post: " + err.Error(),
	}); err != nil {
		r.log.Error().Err(err).Str("run", entry.RunID).Msg("record an event")
	}
}

func (r *Runner) recordHook(ctx context.Context, hook store.Hook) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.cfg.Store.PutHook(last, hook); err != nil {
		r.log.Error().Err(err).Str("run", hook.RunID).Str("hook", hook.Name).Msg("record what a hook said")
	}
}

// hookPatience is how long a post hook waits for its container to run again.
const hookPatience = 24 * time.Hour

// replayPost runs a post hook that an earlier process, or an earlier moment, left.
func (r *Runner) replayPost(ctx context.Context, e store.Entry) error {
	var note postNote
	if err := json.Unmarshal(e.Data, &note); err != nil {
		return fmt.Errorf("read the journal entry %s: %w", e.ID, err)
	}
	err := r.awaitPre(ctx, e, note)
	if err == nil {
		_, err = r.runPost(ctx, e, note)
	}
	if err == nil || errors.Is(context.Cause(ctx), errShutdown) {
		return nil
	}
	if r.now().Sub(e.At) > hookPatience {
		err = fmt.Errorf("given up after %s: %w", hookPatience, err)
		r.recordHook(ctx, store.Hook{RunID: e.RunID, Attempt: note.Attempt, Name: hookPost, State: store.HookSkipped, Error: err.Error()})
		r.tellHookFailed(ctx, e, note, err)
		return r.cfg.Store.RemoveJournal(ctx, e.ID)
	}
	if errors.Is(err, errNotRunning) {
		return nil // looked at again in a while
	}
	return fmt.Errorf("run hook post of %s/%s: %w", e.Project, e.Service, err)
}
