package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// The kinds of journal entries besides the states "stopped" and "paused".
const (
	journalRestore = "restore" // a restore that may have left something to finish or undo
	journalCleanup = "cleanup" // a target that may hold what a failed attempt left
)

// restoreNote is what a restore's journal entry must know to be finished or undone later.
type restoreNote struct {
	Strategy string           `json:"strategy"`
	Options  strategy.Options `json:"options"`
}

// cleanupNote names what is to be removed where.
type cleanupNote struct {
	Target string   `json:"target"`
	Folder string   `json:"folder"`
	Keys   []string `json:"keys,omitempty"` // that the attempt may have written to
}

// replayJournal finishes what an earlier process, or an earlier try, left undone: first restores are finished or
// undone, then containers come back, then targets are cleaned. A container whose restore could not be recovered
// stays as it is: starting it would put it to work on half a state.
func (r *Runner) replayJournal(ctx context.Context) error {
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	var errs []error
	unrecovered := map[string]bool{}
	for _, e := range entries {
		if e.Kind == journalRestore && !r.held.has(e.ID) {
			if err := r.recoverRestore(ctx, e); err != nil {
				unrecovered[e.RunID] = true
				errs = append(errs, fmt.Errorf("recover the restore of %s/%s: %w", e.Project, e.Service, err))
			}
		}
	}
	for _, e := range entries {
		if r.held.has(e.ID) || unrecovered[e.RunID] {
			continue
		}
		switch e.Kind {
		case "stopped", "paused":
			errs = append(errs, r.bringBack(ctx, e))
		case journalCleanup:
			errs = append(errs, r.replayCleanup(ctx, e))
		}
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
		return r.cfg.Store.RemoveJournal(ctx, e.ID)
	}
	info, err := r.resolve(ctx, e.Project, e.Service)
	if err != nil {
		return err
	}
	if err := recoverer.Recover(ctx, r.cfg.Engine.Container(info), note.Options); err != nil {
		return err
	}
	r.log.Info().Str("service", e.Project+"/"+e.Service).Str("restore", e.RunID).Msg("recovered a restore that was cut short")
	return r.cfg.Store.RemoveJournal(ctx, e.ID)
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
		return fmt.Errorf("clean up after run %s: %w", e.RunID, err)
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
