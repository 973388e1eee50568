package runner

import (
	"context"
	"errors"
	"fmt"
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

// hold quiesces the job's container as its label says and returns how to bring it back, which may be called more
// than once and does its work once.
func (r *Runner) hold(ctx context.Context, runID string, job labels.Job, info strategy.Info) (func() error, error) {
	if job.Quiesce == "" || job.Quiesce == "none" {
		return func() error { return nil }, nil
	}
	return r.holdOne(ctx, runID, info, job.Quiesce, job.StopTimeout)
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
	entry := store.Entry{
		ID: store.NewID(), Kind: kind, Project: id.Project, Service: id.Service, Container: info.ID,
		RunID: runID, Was: info.State, At: r.now(),
	}
	r.held.set(entry.ID, true)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		r.held.set(entry.ID, false)
		return nil, fmt.Errorf("write the journal before %s is held: %w", info.Name, err)
	}
	release := sync.OnceValue(func() error { return r.release(ctx, entry) })
	var err error
	if how == "stop" {
		err = r.cfg.Engine.Stop(ctx, info.ID, grace)
	} else {
		err = r.cfg.Engine.Pause(ctx, info.ID)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", how, info.Name, err), release())
	}
	return release, nil
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
	switch {
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
