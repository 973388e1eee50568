package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/simpledeploy/backup/store"
)

const (
	// shownStates is how many of a job's last runs are shown.
	shownStates = 14
	// overlap is read again each time: two runs may be recorded in another order than their queueing.
	overlap = time.Minute
)

// feed keeps the newest runs of every job in memory and reads only what is new, so that no view ever walks the history.
type feed struct {
	store   *store.Store
	started time.Time
	now     func() time.Time

	mu     sync.Mutex
	jobs   map[string]*recent
	open   map[string]bool      // runs whose state may still change
	window map[string]time.Time // runs queued in the overlap, which were looked at
	newest time.Time            // when the newest run that was seen was queued
	ended  map[outcome]uint64   // runs that came to their end since the start
}

// recent is what one job did last, newest first.
type recent struct {
	runs []store.Run
	good *store.Run // the last success, however long ago
}

// outcome is one counter of ended runs.
type outcome struct{ project, service, job, state string }

func newFeed(st *store.Store, started time.Time, now func() time.Time) *feed {
	return &feed{
		store: st, started: started, now: now, jobs: map[string]*recent{}, open: map[string]bool{}, window: map[string]time.Time{},
		newest: started, ended: map[outcome]uint64{},
	}
}

// glance is a copy of what the feed knows of one job.
type glance struct {
	runs []store.Run
	good *store.Run
}

// update brings the feed up to date and returns what it knows of these jobs.
func (f *feed) update(ctx context.Context, jobs []store.Job) (map[string]glance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range jobs {
		if err := f.load(ctx, j); err != nil {
			return nil, fmt.Errorf("read the last runs of job %s: %w", j.ID, err)
		}
	}
	if err := f.readNew(ctx); err != nil {
		return nil, fmt.Errorf("read the newest runs: %w", err)
	}
	if err := f.readOpen(ctx); err != nil {
		return nil, fmt.Errorf("read the runs at work: %w", err)
	}
	seen := make(map[string]glance, len(jobs))
	for _, j := range jobs {
		r := f.jobs[j.ID]
		seen[j.ID] = glance{runs: slices.Clone(r.runs), good: r.good}
	}
	return seen, nil
}

// counts returns how many runs ended since the start, by job and state.
func (f *feed) counts() map[outcome]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := make(map[outcome]uint64, len(f.ended))
	for o, n := range f.ended {
		counts[o] = n
	}
	return counts
}

// load reads a job's last runs the first time it is asked for.
func (f *feed) load(ctx context.Context, j store.Job) error {
	if f.jobs[j.ID] != nil {
		return nil
	}
	runs, _, err := f.store.Runs(ctx, store.Filter{
		Project: j.Project, Service: j.Service, Job: j.Name, Limit: shownStates,
	})
	if err != nil {
		return err
	}
	r := &recent{runs: runs}
	good, err := f.store.Latest(ctx, j.ID, store.Succeeded)
	switch {
	case err == nil:
		r.good = &good
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	f.jobs[j.ID] = r
	for _, run := range runs {
		if _, known := f.open[run.ID]; !known && changes(run.State) {
			f.open[run.ID] = !ended(run.State)
		}
	}
	return nil
}

// readNew takes in what was queued since the last time.
func (f *feed) readNew(ctx context.Context) error {
	since := f.newest
	if now := f.now(); since.After(now) { // the clock was set back: new runs are older than those seen
		since = now
	}
	since = since.Add(-overlap)
	filter := store.Filter{Since: since, Limit: 200}
	for {
		runs, next, err := f.store.Runs(ctx, filter)
		if err != nil {
			return err
		}
		for _, run := range runs {
			f.take(run)
		}
		if next == "" {
			break
		}
		filter.Cursor = next
	}
	for id, at := range f.window {
		if at.Before(since) {
			delete(f.window, id)
		}
	}
	return nil
}

// take adds a new run, once.
func (f *feed) take(run store.Run) {
	if _, known := f.window[run.ID]; known {
		return
	}
	f.window[run.ID] = run.QueuedAt
	if run.QueuedAt.After(f.newest) {
		f.newest = run.QueuedAt
	}
	if _, waiting := f.open[run.ID]; waiting {
		return // readOpen sees to it
	}
	f.settle(run, true)
}

// readOpen looks again at the runs that were not at their end.
func (f *feed) readOpen(ctx context.Context) error {
	for id, counts := range f.open {
		run, err := f.store.Run(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			delete(f.open, id)
			continue
		}
		if err != nil {
			return err
		}
		f.settle(run, counts)
	}
	return nil
}

// settle puts a run into its job's list and counts it when it has come to its end. uncounted says that it was not
// counted yet: a partial run that becomes a success is one run, counted as what it ended as first.
func (f *feed) settle(run store.Run, uncounted bool) {
	listed := f.put(run)
	if ended(run.State) && uncounted {
		uncounted = false
		if !run.FinishedAt.Before(f.started) {
			f.ended[outcome{run.Project, run.Service, run.Job, run.State}]++
		}
	}
	if !ended(run.State) || listed && changes(run.State) {
		f.open[run.ID] = uncounted
		return
	}
	delete(f.open, run.ID)
}

// put replaces a run in its job's list, or adds it; it says whether the list holds it now.
func (f *feed) put(run store.Run) (listed bool) {
	r := f.jobs[run.JobID()]
	if r == nil {
		return false
	}
	if run.State == store.Succeeded && (r.good == nil || !newer(*r.good, run)) {
		r.good = &run
	}
	if at := slices.IndexFunc(r.runs, func(known store.Run) bool { return known.ID == run.ID }); at >= 0 {
		r.runs[at] = run
		return true
	}
	at := slices.IndexFunc(r.runs, func(known store.Run) bool { return !newer(known, run) })
	if at < 0 {
		at = len(r.runs)
	}
	r.runs = slices.Insert(r.runs, at, run)
	r.runs = r.runs[:min(len(r.runs), shownStates)]
	return at < shownStates
}

// newer orders runs as the record does.
func newer(a, b store.Run) bool {
	if a.QueuedAt.Equal(b.QueuedAt) {
		return a.ID > b.ID
	}
	return a.QueuedAt.After(b.QueuedAt)
}

// changes says whether a run in this state may still get another: a partial one succeeds when its copies catch up.
func changes(state string) bool { return !ended(state) || state == store.Partial }
