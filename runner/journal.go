package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// The kinds of journal entries.
const (
	journalStopped = "stopped" // a container that has to run again
	journalPaused  = "paused"
	journalRestore = "restore"       // a restore that may have left something to finish or undo
	journalWhole   = "group-restore" // a restore of a group that replaces one member after the other
	journalCleanup = "cleanup"       // a target that may hold what a failed attempt left
	journalPost    = "post"          // a hook that has to be run after the dump
)

// cleanupPatience is how long a target is asked again and again to let us clean up.
const cleanupPatience = 24 * time.Hour

// restoreNote is what a restore's journal entry must know to be finished or undone later.
type restoreNote struct {
	Restore  string           `json:"restore,omitempty"` // its id; that of the entry is the whole's where it is part of one
	Strategy string           `json:"strategy"`
	Options  strategy.Options `json:"options"`
}

// cleanupNote names what is to be removed where.
type cleanupNote struct {
	Target string   `json:"target"`
	Folder string   `json:"folder"`
	Keys   []string `json:"keys,omitempty"` // that the attempt may have written to
}

// replayJournal finishes at the start what an earlier process left undone, before anything else happens. Hooks can
// take long: they are queued, ahead of every run of their service.
func (r *Runner) replayJournal(ctx context.Context) error {
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	hooks := func(e store.Entry) bool { return e.Kind == journalPost }
	err = r.replay(ctx, slices.DeleteFunc(slices.Clone(entries), hooks))
	if slices.ContainsFunc(entries, hooks) {
		err = errors.Join(err, r.queueReplay(ctx))
	}
	return err
}

// queueReplay does the same later on, for what could not be done yet: as tasks that hold the locks of their
// services, so that no container is started under a run that reads its files.
func (r *Runner) queueReplay(ctx context.Context) error {
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	byRun := map[string][]store.Entry{} // what one run or restore left belongs together
	for _, e := range entries {
		byRun[e.RunID] = append(byRun[e.RunID], e)
	}
	for id, left := range byRun {
		job := "replay/" + id
		if r.queue.busy(job) || slices.ContainsFunc(left, func(e store.Entry) bool { return r.held.has(e.ID) }) {
			continue
		}
		var locks []string
		for _, e := range left {
			if e.Service != "" {
				locks = append(locks, e.Project+"/"+e.Service)
			}
		}
		r.queue.submit(&task{id: id, jobs: []string{job}, locks: locks, free: true, do: func(ctx context.Context) {
			if err := r.replay(ctx, left); err != nil {
				r.log.Error().Err(err).Msg("replay the journal")
			}
		}})
	}
	return nil
}

// replay works entries off: first restores are finished or undone, then containers come back, then targets are
// cleaned, then hooks are run. A container whose restore could not be recovered stays as it is: starting it would put it to work on half
// a state. Each step is bounded, so that one that hangs does not hold up the others.
func (r *Runner) replay(ctx context.Context, entries []store.Entry) error {
	var errs []error
	unrecovered := map[string]bool{}
	step := func(f func(context.Context, store.Entry) error, e store.Entry) error {
		bounded, cancel := context.WithTimeout(ctx, releaseTimeout)
		defer cancel()
		return f(bounded, e)
	}
	for _, e := range entries {
		if e.Kind == journalRestore {
			if err := step(r.recoverRestore, e); err != nil {
				unrecovered[e.RunID] = true
				errs = append(errs, fmt.Errorf("recover the restore of %s/%s: %w", e.Project, e.Service, err))
			}
		}
	}
	for _, e := range entries {
		if e.Kind == journalWhole {
			errs = append(errs, step(r.tellHalfRestored, e))
		}
	}
	errs = append(errs, r.bringAllBack(ctx, entries, unrecovered))
	for _, e := range entries {
		if e.Kind == journalCleanup {
			errs = append(errs, step(r.replayCleanup, e))
		}
	}
	for _, e := range entries {
		if e.Kind == journalPost {
			own, cancel := r.pastEnd(ctx)
			errs = append(errs, r.replayPost(own, e))
			cancel()
		}
	}
	return errors.Join(errs...)
}

// bringAllBack brings containers back, of each run the last one held first. What needs one that may yet go down waits
// for that: it would be started into a network that is about to vanish.
func (r *Runner) bringAllBack(ctx context.Context, entries []store.Entry, unrecovered map[string]bool) error {
	held := slices.DeleteFunc(slices.Clone(entries), func(e store.Entry) bool {
		return e.Kind != journalStopped && e.Kind != journalPaused || unrecovered[e.RunID]
	})
	slices.SortStableFunc(held, func(a, b store.Entry) int { return cmp.Compare(noteOf(b).Rank, noteOf(a).Rank) })
	var errs []error
	patience := r.now().Add(healthPatience)
	waits := map[string]bool{}
	for _, e := range held {
		if slices.ContainsFunc(noteOf(e).Needs, func(id string) bool { return waits[id] }) {
			waits[e.Container] = true
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, releaseTimeout)
		err := r.bringBack(bounded, e, patience)
		cancel()
		waits[e.Container] = errors.Is(err, errStopUnderWay)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// recoverRestore lets the strategy finish or undo what a restore left.
func (r *Runner) recoverRestore(ctx context.Context, e store.Entry) error {
	var note restoreNote
	if err := json.Unmarshal(e.Data, &note); err != nil {
		return fmt.Errorf("read the journal entry %s: %w", e.ID, err)
	}
	entry, _ := r.entry(note.Strategy)
	recoverer, ok := entry.Strategy.(strategy.Recoverer)
	if !ok {
		return r.giveUpRestore(ctx, e, note)
	}
	info, err := r.resolve(ctx, e.Project, e.Service)
	if err == nil && entry.Files {
		err = havePlace(info, placesIn(note.Options))
	}
	if err != nil {
		return r.recoverLater(ctx, e, err)
	}
	err = recoverer.Recover(ctx, r.cfg.Engine.Container(info), note.Options)
	if errors.Is(err, strategy.ErrOldStateGone) {
		return r.giveUpRestore(ctx, e, note)
	}
	if err != nil {
		return err
	}
	r.log.Info().Str("service", e.Project+"/"+e.Service).Str("restore", e.RunID).Msg("recovered a restore that was cut short")
	return r.cfg.Store.RemoveJournal(ctx, e.ID)
}

// giveUpRestore says loudly that a restore died whose strategy cannot be finished or undone: the service may be
// between two states, and the safety backup is the way back.
func (r *Runner) giveUpRestore(ctx context.Context, e store.Entry, note restoreNote) error {
	id := cmp.Or(note.Restore, e.RunID)
	text := fmt.Sprintf("the restore %s of %s/%s was cut short, and %s cannot be rolled back: restore again", id, e.Project, e.Service, note.Strategy)
	if row, err := r.cfg.Store.Restore(ctx, id); err == nil && row.SafetyRun != "" {
		text += "; what was there before is in run " + row.SafetyRun
	}
	r.log.Error().Str("service", e.Project+"/"+e.Service).Msg(text)
	return errors.Join(r.cfg.Store.AppendEvent(ctx, store.Event{
		Actor: "journal", Kind: "restore-cut-short", Project: e.Project, Service: e.Service, RunID: e.RunID, Text: text,
	}), r.cfg.Store.RemoveJournal(ctx, e.ID))
}

func (r *Runner) rememberCleanup(ctx context.Context, runID, targetName, folder string, keys []string) error {
	note, err := json.Marshal(cleanupNote{Target: targetName, Folder: folder, Keys: keys})
	if err != nil {
		return err
	}
	return r.cfg.Store.AddJournal(ctx, store.Entry{ID: store.NewID(), Kind: journalCleanup, RunID: runID, Data: note, At: r.now()})
}

func (r *Runner) replayCleanup(ctx context.Context, e store.Entry) error {
	var note cleanupNote
	if err := json.Unmarshal(e.Data, &note); err != nil {
		return fmt.Errorf("read the journal entry %s: %w", e.ID, err)
	}
	t, ok := r.cfg.Targets.Get(note.Target)
	if !ok { // no longer configured: nothing of it can be reached
		return r.cfg.Store.RemoveJournal(ctx, e.ID)
	}
	run, err := r.cfg.Store.Run(ctx, e.RunID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if run.State == store.Running || hasUseFor(run, note.Target) {
		// A later attempt or copy uses the same key: what is there now is good, or will be overwritten.
		return r.cfg.Store.RemoveJournal(ctx, e.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if t.Check(ctx) != nil {
		return nil // still away; tried again later
	}
	if err := r.cleanTarget(ctx, e, note, t, run); err != nil {
		err = fmt.Errorf("clean up after run %s: %w", e.RunID, err)
		if r.now().Sub(e.At) > cleanupPatience {
			return errors.Join(err, errors.New("given up: what it left stays on the target"), r.cfg.Store.RemoveJournal(ctx, e.ID))
		}
		return err
	}
	return r.cfg.Store.RemoveJournal(ctx, e.ID)
}

// cleanTarget removes what the run left; a run that died may have left a whole backup, which is kept.
func (r *Runner) cleanTarget(ctx context.Context, e store.Entry, note cleanupNote, t *target.Target, run store.Run) error {
	if run.State != store.Interrupted {
		return removeAttempt(ctx, t, note.Folder, e.RunID, note.Keys...)
	}
	adopted, err := r.settleOn(ctx, &run, t)
	if err == nil && adopted {
		err = r.settleAdopted(ctx, run)
	}
	return err
}

// hasUseFor says whether the record counts on what the target holds, or will hold, of a run.
func hasUseFor(run store.Run, targetName string) bool {
	a, ok := artifactOn(run, targetName)
	return ok && (a.Held() || a.State == store.Due)
}
