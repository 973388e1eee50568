package runner

import (
	"context"
	"slices"
	"sync"
)

// task is one piece of work for the queue.
type task struct {
	id    string   // of the run or restore
	jobs  []string // project/service/job, or what else is done once at a time; a group names itself and all of its members
	locks []string // services: one task per service at a time
	free  bool     // takes no slot of the global limit (restores: nobody waits for a backup to get his data back)
	do    func(ctx context.Context)
}

// queue runs tasks in the order they came, as far as their locks allow: one per job, one per container, and at
// most limit in all.
type queue struct {
	mu      sync.Mutex
	ctx     context.Context // of the work, not of the submission
	limit   int
	running int
	waiting []*task
	active  []*task
	closed  bool
	done    sync.WaitGroup
}

func newQueue(ctx context.Context, limit int) *queue {
	return &queue{ctx: ctx, limit: max(limit, 1)}
}

// submit queues t behind all others. It says false when the queue is closed.
func (q *queue) submit(t *task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, t)
	q.dispatch()
	return true
}

// busy says whether a task of this job waits or works.
func (q *queue) busy(job string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	same := func(t *task) bool { return slices.Contains(t.jobs, job) }
	return slices.ContainsFunc(q.waiting, same) || slices.ContainsFunc(q.active, same)
}

// dispatch starts what can start; q.mu is held.
func (q *queue) dispatch() {
	for i := 0; i < len(q.waiting); {
		t := q.waiting[i]
		if !q.fits(t, q.waiting[:i]) {
			i++
			continue
		}
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.active = append(q.active, t)
		if !t.free {
			q.running++
		}
		q.done.Go(func() {
			defer q.finish(t)
			t.do(q.ctx)
		})
	}
}

// fits says whether t can start now, without overtaking an earlier task that waits for the same thing.
func (q *queue) fits(t *task, earlier []*task) bool {
	if !t.free && q.running >= q.limit {
		return false
	}
	clash := func(o *task) bool {
		return overlap(o.jobs, t.jobs) || overlap(o.locks, t.locks)
	}
	waits := func(o *task) bool { return (o.free || !t.free) && clash(o) } // what takes no slot waits for no slot
	return !slices.ContainsFunc(q.active, clash) && !slices.ContainsFunc(earlier, waits)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

func (q *queue) finish(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active = slices.DeleteFunc(q.active, func(o *task) bool { return o == t })
	if !t.free {
		q.running--
	}
	if !q.closed {
		q.dispatch()
	}
}

// close takes no more work, forgets what waits, and returns a channel that is closed once all work has ended.
func (q *queue) close() <-chan struct{} {
	q.mu.Lock()
	q.closed = true
	q.waiting = nil
	q.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		q.done.Wait()
		close(ended)
	}()
	return ended
}
