package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// releaseTimeout bounds how long a release tries on its own; after that the journal's replay goes on trying.
const releaseTimeout = 2 * time.Minute

// heldTable knows the journal entries whose work is still under way in this process: replay leaves them alone.
type heldTable struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (h *heldTable) set(id string, held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids == nil {
		h.ids = map[string]bool{}
	}
	if held {
		h.ids[id] = true
	} else {
		delete(h.ids, id)
	}
}

func (h *heldTable) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids[id]
}

// member is one container that a run or a restore holds.
type member struct {
	info  strategy.Info
	how   string        // stop, pause; none: it is not held
	grace time.Duration // before a kill; 0: the container's own
}

// members are what the backup holds while its files are read.
func (b *backup) members() []member {
	if b.job.Quiesce == "" || b.job.Quiesce == "none" {
		return nil
	}
	return []member{{info: b.info, how: b.job.Quiesce, grace: b.job.StopTimeout}}
}

// holdMembers holds containers one after the other and returns how to bring all back, in reverse; that may be called
// more than once and does its work once. It is never nil: after an error it brings back what was held until then.
func (r *Runner) holdMembers(ctx context.Context, id string, members []member) (func() error, error) {
	var releases []func() error
	release := sync.OnceValue(func() error {
		var errs []error
		for _, one := range slices.Backward(releases) {
			errs = append(errs, one())
		}
		return errors.Join(errs...)
	})
	for _, m := range members {
		one, err := r.holdOne(ctx, id, m.info, m.how, m.grace)
		if err != nil {
			return release, err
		}
		releases = append(releases, one)
	}
	return release, nil
}

// holdOne stops or pauses one container. Its former state is in the journal before anything happens to it, so that
// it comes back whatever becomes of us. A container that was not running is left as it is, then and afterwards.
func (r *Runner) holdOne(ctx context.Context, runID string, info strategy.Info, how string, grace time.Duration) (func() error, error) {
	if info.State != "running" {
		return func() error { return nil }, nil
	}
	if err := mayHold(info, how); err != nil {
		return nil, err
	}
	id, _, _ := labels.IdentityOf(info.Name, info.Labels)
	kind := map[string]string{"stop": journalStopped, "pause": journalPaused}[how]
	patience := stopPatience(info, grace)
	note, err := json.Marshal(holdNote{Until: r.now().Add(patience)})
	if err != nil {
		return nil, fmt.Errorf("write the journal before %s is held: %w", info.Name, err)
	}
	entry := store.Entry{
		ID: store.NewID(), Kind: kind, Project: id.Project, Service: id.Service, Container: info.ID,
		RunID: runID, Was: info.State, At: r.now(), Data: note,
	}
	r.held.set(entry.ID, true)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		r.held.set(entry.ID, false)
		return nil, fmt.Errorf("write the journal before %s is held: %w", info.Name, err)
	}
	release := sync.OnceValue(func() error { return r.release(ctx, entry) })
	// A stop that was begun goes on in the engine whoever waits for it: the call is seen to its end, so that what is
	// brought back afterwards is not stopped after all.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if how == "stop" {
		err = r.cfg.Engine.Stop(stopping, info.ID, grace)
	} else {
		err = r.cfg.Engine.Pause(stopping, info.ID)
	}
	if err != nil {
		r.held.set(entry.ID, false) // it may still go down: the journal keeps looking until that cannot be any more
		return nil, errors.Join(fmt.Errorf("%s %s: %w", how, info.Name, err), release())
	}
	if end := context.Cause(ctx); end != nil {
		return nil, errors.Join(end, release())
	}
	return release, nil
}

// holdNote is until when a stop may still be under way in the engine.
type holdNote struct {
	Until time.Time `json:"until"`
}

// stopPatience is how long the engine may take to stop a container: its grace period, and some more to kill it.
func stopPatience(info strategy.Info, grace time.Duration) time.Duration {
	if grace == 0 {
		grace = info.StopTimeout
	}
	if grace == 0 {
		grace = 10 * time.Second
	}
	return grace + 30*time.Second
}

// mayHold refuses what would not come back as it was.
func mayHold(info strategy.Info, how string) error {
	switch {
	case info.Labels["com.docker.swarm.task.id"] != "":
		return fmt.Errorf("%s %s: its orchestrator would replace it; set quiesce=none", how, info.Name)
	case info.AutoRemove && how == "stop":
		return fmt.Errorf("stop %s: it runs with --rm, so a stop would delete it; set quiesce=pause", info.Name)
	}
	return nil
}

// release brings a container back, on a context of its own, and takes it out of the journal.
func (r *Runner) release(ctx context.Context, entry store.Entry) error {
	defer r.held.set(entry.ID, false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return r.bringBack(ctx, entry)
}

// bringBack makes a journal entry's container run again and removes the entry. A container that is gone was
// replaced by someone: whoever did it decided what runs.
func (r *Runner) bringBack(ctx context.Context, entry store.Entry) error {
	info, err := r.cfg.Engine.Inspect(ctx, entry.Container)
	switch {
	case errors.Is(err, strategy.ErrNoContainer):
		return r.cfg.Store.RemoveJournal(ctx, entry.ID)
	case err != nil:
		return fmt.Errorf("bring %s/%s back: %w", entry.Project, entry.Service, err)
	}
	var note holdNote
	_ = json.Unmarshal(entry.Data, &note) // an entry without a note is one whose stop is long over
	switch {
	case entry.Kind == journalStopped && info.State == "running" && r.now().Before(note.Until) && !r.held.has(entry.ID):
		// We died, or gave up, while the engine was stopping it: it may still go down.
		return fmt.Errorf("%s runs, but the stop that was begun may not be over: looked at again after %s", info.Name, note.Until.Format(time.TimeOnly))
	case info.State == "paused" && entry.Kind == journalPaused:
		err = r.cfg.Engine.Unpause(ctx, info.ID)
	case entry.Kind == journalStopped && (info.State == "exited" || info.State == "created" || info.State == "dead"):
		err = r.cfg.Engine.Start(ctx, info.ID)
	}
	if err != nil {
		return fmt.Errorf("bring %s back after it was %s: %w", info.Name, entry.Kind, err)
	}
	return r.cfg.Store.RemoveJournal(ctx, entry.ID)
}
