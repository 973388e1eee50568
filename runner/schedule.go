package runner

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/store"
)

// longestSleep bounds how long the clock trusts its timer: after a suspended host or a changed wall clock the
// next look comes soon enough.
const longestSleep = 20 * time.Second

// late is how far behind its time a tick may fire and still be called on schedule.
const late = time.Minute

// clock fires ticks. It only enqueues: overlap, limits and states are the queue's and the run's.
type clock struct {
	store *store.Store
	now   func() time.Time
	fire  func(job labels.Job, tick time.Time, trigger string)

	catchUp bool
	started bool // the first set has been taken: ticks missed before it are caught up once

	mu      sync.Mutex
	entries map[string]*tickEntry
	last    time.Time // when it was looked at last
	wake    chan struct{}
}

type tickEntry struct {
	job   labels.Job
	print string    // fingerprint of the schedule
	tick  time.Time // next tick; zero: manual, or never again
	at    time.Time // tick plus jitter: when it fires
}

func newClock(s *store.Store, now func() time.Time, catchUp bool, fire func(labels.Job, time.Time, string)) *clock {
	return &clock{store: s, now: now, fire: fire, catchUp: catchUp, entries: map[string]*tickEntry{}, wake: make(chan struct{}, 1)}
}

// set takes the jobs that are declared now. A job whose schedule is as before keeps its next tick.
func (c *clock) set(ctx context.Context, jobs []labels.Job) error {
	rows, err := c.store.Jobs(ctx, false)
	if err != nil {
		return err
	}
	last := make(map[string]store.Job, len(rows))
	for _, row := range rows {
		last[row.ID] = row
	}
	c.mu.Lock()
	now, entries := c.now(), make(map[string]*tickEntry, len(jobs))
	var errs []error
	for _, job := range jobs {
		entry := c.entries[job.ID()]
		if timing := job.Schedule.Spec + " " + job.Schedule.Timezone() + " " + job.Jitter.String(); entry == nil || entry.print != timing {
			entry = &tickEntry{print: timing}
			entry.tick, entry.at = c.next(job, last[job.ID()], now)
			errs = append(errs, c.store.SetTick(ctx, job.ID(), time.Time{}, entry.at))
		}
		entry.job = job
		entries[job.ID()] = entry
	}
	c.entries, c.started = entries, true
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return errors.Join(errs...)
}

// next is the job's next tick. At the first look after a start that is the newest one missed since the last tick
// that was handled, so that a night without the appliance is caught up once.
func (c *clock) next(job labels.Job, row store.Job, now time.Time) (tick, at time.Time) {
	if job.Schedule.Manual() {
		return time.Time{}, time.Time{}
	}
	since := row.LastTick
	if since.IsZero() {
		since = row.DeclaredAt // declared, but its first tick came while nobody was there
	}
	if c.catchUp && !c.started && !since.IsZero() {
		if missed := job.Schedule.Last(since, now); !missed.IsZero() {
			return missed, now.Add(spread(job.ID(), missed, 5*time.Second))
		}
	}
	tick = job.Schedule.Next(now)
	return tick, tick.Add(spread(job.ID(), tick, job.Jitter))
}

// spread is a delay in [0, within) that depends on the job and the tick only.
func spread(id string, tick time.Time, within time.Duration) time.Duration {
	if within <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + tick.UTC().Format(time.RFC3339)))
	return time.Duration(h.Sum64() % uint64(within))
}

// run fires what is due until ctx ends.
func (c *clock) run(ctx context.Context) {
	for {
		timer := time.NewTimer(c.fireDue(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// firing is a tick whose time has come.
type firing struct {
	job     labels.Job
	tick    time.Time
	trigger string
	next    time.Time // when the job fires again
}

// fireDue fires every tick whose time has come and says how long to wait for the next one. The store and the queue
// are called without the lock: a slow disk must not hold up who asks for the next run.
func (c *clock) fireDue(ctx context.Context) time.Duration {
	due, wait, now := c.due()
	for _, f := range due {
		// If the store refuses, the tick fires all the same: a backup too many is better than one too few.
		_ = c.store.SetTick(ctx, f.job.ID(), now, f.next)
		c.fire(f.job, f.tick, f.trigger)
	}
	return wait
}

// due moves every tick that is due on to its next time.
func (c *clock) due() (due []firing, wait time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait, now = longestSleep, c.now()
	if now.Before(c.last.Add(-late)) { // the clock was set back: what was next by the wrong one may be years away
		for id, e := range c.entries {
			e.tick = e.job.Schedule.Next(now)
			if e.at = e.tick; !e.tick.IsZero() {
				e.at = e.tick.Add(spread(id, e.tick, e.job.Jitter))
			}
		}
	}
	c.last = now
	for id, e := range c.entries {
		if !e.at.IsZero() && !e.at.After(now) {
			f := firing{job: e.job, tick: e.tick, trigger: "schedule"}
			if now.Sub(e.tick) > late+e.job.Jitter {
				f.trigger = "catch-up"
			}
			e.tick, e.at = e.job.Schedule.Next(now), time.Time{}
			if !e.tick.IsZero() {
				e.at = e.tick.Add(spread(id, e.tick, e.job.Jitter))
			}
			f.next = e.at
			due = append(due, f)
		}
		if !e.at.IsZero() {
			wait = min(wait, e.at.Sub(now))
		}
	}
	return due, max(wait, 0), now
}

// nextOf is when the job fires next; zero when it does not.
func (c *clock) nextOf(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[id]; e != nil {
		return e.at
	}
	return time.Time{}
}
