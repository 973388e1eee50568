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

const (
	// releaseTimeout bounds how long a release tries on its own; after that the journal's replay goes on trying.
	releaseTimeout = 2 * time.Minute
	// healthPatience is how long a release waits, in all, for containers to be healthy before it starts what needs them.
	healthPatience = time.Minute
	healthLook     = 100 * time.Millisecond
)

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

// holdMembers holds the members, and before each of them what needs it, and returns how to bring all back, in reverse;
// that may be called more than once and does its work once. It is never nil: after an error it brings back what was
// held until then.
func (r *Runner) holdMembers(ctx context.Context, id string, members []member) (func() error, error) {
	var entries []store.Entry
	goingDown := "" // one whose stop failed, and may yet come true
	release := sync.OnceValue(func() error {
		errs := []error{r.stayedHeld(ctx, entries)}
		patience := r.now().Add(healthPatience)
		for _, entry := range slices.Backward(entries) {
			if goingDown != "" && slices.Contains(noteOf(entry).Needs, goingDown) {
				r.held.set(entry.ID, false) // the journal's replay brings it back in its turn
				errs = append(errs, fmt.Errorf("%s/%s stays %s until what it needs is back", entry.Project, entry.Service, entry.Kind))
				continue
			}
			errs = append(errs, r.release(ctx, entry, patience))
		}
		return errors.Join(errs...)
	})
	order, err := r.planHold(ctx, members)
	if err != nil {
		return release, err
	}
	for _, h := range order { // before anything is touched
		if err := mayHold(h.info, h.how); err != nil {
			return release, err
		}
	}
	for rank, h := range order {
		entry, err := r.holdOne(ctx, id, rank, h)
		if errors.Is(err, errStopUnderWay) {
			goingDown = h.info.ID
		}
		if err != nil {
			return release, err
		}
		entries = append(entries, entry)
	}
	return release, nil
}

// holdOne stops or pauses one running container. Its former state is in the journal before anything happens to it, so
// that it comes back whatever becomes of us.
func (r *Runner) holdOne(ctx context.Context, runID string, rank int, h held) (store.Entry, error) {
	info, patience := h.info, stopPatience(h.info, h.grace)
	h.info.StartedAt = r.startedAt(ctx, info.ID)
	note, err := json.Marshal(h.note(rank, r.now().Add(patience)))
	if err != nil {
		return store.Entry{}, fmt.Errorf("write the journal before %s is held: %w", info.Name, err)
	}
	id, _, _ := labels.IdentityOf(info.Name, info.Labels)
	entry := store.Entry{
		ID: store.NewID(), Kind: map[string]string{"stop": journalStopped, "pause": journalPaused}[h.how], Project: id.Project,
		Service: id.Service, Container: info.ID, RunID: runID, Was: info.State, At: r.now(), Data: note,
	}
	r.held.set(entry.ID, true)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		r.held.set(entry.ID, false)
		return store.Entry{}, fmt.Errorf("write the journal before %s is held: %w", info.Name, err)
	}
	// A stop that was begun goes on in the engine whoever waits for it: the call is seen to its end, so that what is
	// brought back afterwards is not stopped after all.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if h.how == "stop" {
		err = r.cfg.Engine.Stop(stopping, info.ID, h.grace)
	} else {
		err = r.cfg.Engine.Pause(stopping, info.ID)
	}
	if err != nil {
		r.held.set(entry.ID, false) // it may still go down: the journal keeps looking until that cannot be any more
		return store.Entry{}, errors.Join(fmt.Errorf("%s %s: %w", h.how, info.Name, err), r.release(ctx, entry, r.now()))
	}
	if end := context.Cause(ctx); end != nil {
		return store.Entry{}, errors.Join(end, r.release(ctx, entry, r.now()))
	}
	return entry, nil
}

// holdNote is what a journal entry must know to bring a container back in its turn.
type holdNote struct {
	Until   time.Time `json:"until"`             // the stop may still be under way in the engine
	Started time.Time `json:"started,omitzero"`  // when it had started before it was held
	Rank    int       `json:"rank"`              // the last one held is the first one back
	Needs   []string  `json:"needs,omitempty"`   // ids of those of the same hold that it cannot do without
	Healthy []string  `json:"healthy,omitempty"` // those of them that have to be healthy before it starts
}

func (h held) note(rank int, until time.Time) holdNote {
	note := holdNote{Until: until, Started: h.info.StartedAt, Rank: rank}
	for _, n := range h.needs {
		note.Needs = append(note.Needs, n.id)
		if n.healthy {
			note.Healthy = append(note.Healthy, n.id)
		}
	}
	return note
}

// noteOf reads an entry's note. One without is of a stop that is long over.
func noteOf(entry store.Entry) holdNote {
	var note holdNote
	_ = json.Unmarshal(entry.Data, &note)
	return note
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
func (r *Runner) release(ctx context.Context, entry store.Entry, patience time.Time) error {
	defer r.held.set(entry.ID, false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return r.bringBack(ctx, entry, patience)
}

// errStopUnderWay is a container that runs, but may yet go down: we died, or gave up, while the engine stopped it.
var errStopUnderWay = errors.New("the stop that was begun may not be over")

// bringBack makes a journal entry's container run again and removes the entry; what has to be healthy first is waited
// for, until patience at most. A container that is gone was replaced by someone: whoever did it decided what runs.
func (r *Runner) bringBack(ctx context.Context, entry store.Entry, patience time.Time) error {
	info, err := r.cfg.Engine.Inspect(ctx, entry.Container)
	switch {
	case errors.Is(err, strategy.ErrNoContainer):
		return r.cfg.Store.RemoveJournal(ctx, entry.ID)
	case err != nil:
		return fmt.Errorf("bring %s/%s back: %w", entry.Project, entry.Service, err)
	}
	note := noteOf(entry)
	switch {
	case entry.Kind == journalStopped && info.State == "running" && r.now().Before(note.Until) && !r.held.has(entry.ID):
		return fmt.Errorf("%s runs, but %w: looked at again after %s", info.Name, errStopUnderWay, note.Until.Format(time.TimeOnly))
	case info.State == "paused" && entry.Kind == journalPaused:
		err = r.cfg.Engine.Unpause(ctx, info.ID)
	case entry.Kind == journalStopped && (info.State == "exited" || info.State == "created" || info.State == "dead"):
		r.awaitHealthy(ctx, info.Name, note.Healthy, patience)
		err = r.cfg.Engine.Start(ctx, info.ID)
	}
	if err != nil {
		return fmt.Errorf("bring %s back after it was %s: %w", info.Name, entry.Kind, err)
	}
	return r.cfg.Store.RemoveJournal(ctx, entry.ID)
}

// awaitHealthy waits while the containers are on their way to be healthy. One that is late, or sick, keeps nobody down
// who was running before: that is said, and no more. Once the appliance is to end nothing is waited for.
func (r *Runner) awaitHealthy(ctx context.Context, who string, ids []string, patience time.Time) {
	for _, id := range ids {
		info, err := r.cfg.Engine.Inspect(ctx, id)
		for err == nil && info.State == "running" && info.Health == "starting" && r.now().Before(patience) && ctx.Err() == nil && r.queue.ctx.Err() == nil {
			pause, cancel := context.WithTimeout(ctx, healthLook)
			select {
			case <-pause.Done():
			case <-r.queue.ctx.Done():
			}
			cancel()
			info, err = r.cfg.Engine.Inspect(ctx, id)
		}
		if err != nil || info.State != "running" || info.Health != "" && info.Health != "healthy" {
			r.log.Warn().Err(err).Str("container", who).Str("needs", info.Name).Str("health", info.Health).Msg("started again though what it depends on is not healthy")
		}
	}
}
