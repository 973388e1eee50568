package runner

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

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
	fire  func(u unit, tick time.Time, trigger string)

	catchUp bool
	started bool // the first set has been taken: ticks missed before it are caught up once

	mu      sync.Mutex
	entries map[string]*tickEntry // by unit
	jobs    map[string]*tickEntry // by job
	last    time.Time             // when it was looked at last
	wake    chan struct{}
}

type tickEntry struct {
	unit
	print string    // fingerprint of the schedule
	tick  time.Time // next tick; zero: manual, or never again
	at    time.Time // tick plus jitter: when it fires
}

func newClock(s *store.Store, now func() time.Time, catchUp bool, fire func(unit, time.Time, string)) *clock {
	return &clock{store: s, now: now, fire: fire, catchUp: catchUp, entries: map[string]*tickEntry{}, wake: make(chan struct{}, 1)}
}

// set takes what is declared now. What has the timing that it had keeps its next tick, also a group whose members
// change.
func (c *clock) set(ctx context.Context, units []unit) error {
	rows, err := c.store.Jobs(ctx, false)
	if err != nil {
		return err
	}
	last := make(map[string]store.Job, len(rows))
	for _, row := range rows {
		last[row.ID] = row
	}
	c.mu.Lock()
	now, entries, jobs := c.now(), make(map[string]*tickEntry, len(units)), make(map[string]*tickEntry, len(last))
	var errs []error
	for _, u := range units {
		entry := c.entries[u.id]
		if entry == nil || entry.print != u.timing() {
			entry = &tickEntry{print: u.timing()}
			entry.tick, entry.at = c.next(u, handled(u, last), now)
		}
		entry.unit, entries[u.id] = u, entry
		for _, job := range u.jobs {
			if id := job.ID(); c.jobs[id] != entry {
				errs = append(errs, c.store.SetTick(ctx, id, time.Time{}, entry.at))
			}
			jobs[job.ID()] = entry
		}
	}
	c.entries, c.jobs, c.started = entries, jobs, true
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return errors.Join(errs...)
}

// handled is up to when the ticks of a unit were dealt with. Of a group that is what its slowest member says: a tick
// that one of them missed is caught up by all.
func handled(u unit, rows map[string]store.Job) time.Time {
	var since time.Time
	for _, job := range u.jobs {
		row := rows[job.ID()]
		at := row.LastTick
		if at.IsZero() {
			at = row.DeclaredAt // declared, but its first tick came while nobody was there
		}
		if !at.IsZero() && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	return since
}

// next is the next tick. At the first look after a start that is the newest one missed since the last tick that was
// handled, so that a night without the appliance is caught up once.
func (c *clock) next(u unit, since, now time.Time) (tick, at time.Time) {
	lead := u.jobs[0]
	if lead.Schedule.Manual() {
		return time.Time{}, time.Time{}
	}
	if c.catchUp && !c.started && !since.IsZero() {
		if missed := lead.Schedule.Last(since, now); !missed.IsZero() {
			return missed, now.Add(spread(u.id, missed, 5*time.Second))
		}
	}
	tick = lead.Schedule.Next(now)
	return tick, tick.Add(spread(u.id, tick, lead.Jitter))
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
	unit
	tick    time.Time
	trigger string
	next    time.Time // when it fires again
}

// fireDue fires every tick whose time has come and says how long to wait for the next one. The store and the queue
// are called without the lock: a slow disk must not hold up who asks for the next run.
func (c *clock) fireDue(ctx context.Context) time.Duration {
	due, wait, now := c.due()
	for _, f := range due {
		// If the store refuses, the tick fires all the same: a backup too many is better than one too few.
		for _, job := range f.jobs {
			_ = c.store.SetTick(ctx, job.ID(), now, f.next)
		}
		c.fire(f.unit, f.tick, f.trigger)
	}
	return wait
}

// due moves every tick that is due on to its next time.
func (c *clock) due() (due []firing, wait time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait, now = longestSleep, c.now()
	if now.Before(c.last.Add(-late)) { // the clock was set back: what was next by the wrong one may be years away
		for _, e := range c.entries {
			e.move(now)
		}
	}
	c.last = now
	for _, e := range c.entries {
		if !e.at.IsZero() && !e.at.After(now) {
			f := firing{unit: e.unit, tick: e.tick, trigger: "schedule"}
			if now.Sub(e.tick) > late+e.jobs[0].Jitter {
				f.trigger = "catch-up"
			}
			e.move(now)
			f.next = e.at
			due = append(due, f)
		}
		if !e.at.IsZero() {
			wait = min(wait, e.at.Sub(now))
		}
	}
	return due, max(wait, 0), now
}

// move goes on to the first tick after now.
func (e *tickEntry) move(now time.Time) {
	lead := e.jobs[0]
	e.tick, e.at = lead.Schedule.Next(now), time.Time{}
	if !e.tick.IsZero() {
		e.at = e.tick.Add(spread(e.id, e.tick, lead.Jitter))
	}
}

// nextOf is when the job fires next; zero when it does not.
func (c *clock) nextOf(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.jobs[id]; e != nil {
		return e.at
	}
	return time.Time{}
}
