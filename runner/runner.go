package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// Runner does the work: it takes snapshots, runs jobs, copies, prunes and restores.
type Runner struct {
	cfg Config
	log zerolog.Logger

	plan      atomic.Pointer[Plan]
	ready     chan struct{} // closed once what the last process left is in order
	planned   chan struct{} // closed once the first snapshot has been taken
	firstPlan sync.Once
	storeErr  atomic.Value // string: what the store said last
	rival     atomic.Value // string: the other appliance, if any
	paused    atomic.Int64 // until, Unix milliseconds; 0: not paused

	clock     *clock
	queue     *queue
	cut       context.CancelCauseFunc // ends the work that the queue has under way
	progress  progressTable
	held      heldTable
	restoring sync.Map   // run ids whose backups a restore reads: they are not pruned
	settling  sync.Mutex // one interrupted run, or group run, is settled at a time

	interrupted []store.Run // of the last process, settled by recoverAll
	waiting     []store.Run // queued by the last process

	interruptedGroups []store.GroupRun
	toldProblems      map[store.Problem]bool
}

// errShutdown is the cause of work that the appliance's own end cuts short.
var errShutdown = errors.New("the appliance is shutting down")

// New makes a runner. It does nothing until Run is called.
func New(cfg Config) (*Runner, error) {
	switch {
	case cfg.Store == nil || cfg.Engine == nil || cfg.Decoder == nil || cfg.Targets == nil:
		return nil, errors.New("make a runner: store, engine, decoder and targets are needed")
	case len(cfg.Registry) == 0:
		return nil, errors.New("make a runner: no strategy is registered")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Concurrency, cfg.Workers = max(cfg.Concurrency, 1), max(cfg.Workers, 1)
	r := &Runner{cfg: cfg, log: cfg.Logger, ready: make(chan struct{}), planned: make(chan struct{}), toldProblems: map[store.Problem]bool{}}
	r.plan.Store(&Plan{})
	r.storeErr.Store("")
	r.rival.Store("")
	r.clock = newClock(cfg.Store, cfg.Now, cfg.CatchUp, r.tick)
	var work context.Context
	work, r.cut = context.WithCancelCause(context.Background())
	r.queue = newQueue(work, cfg.Concurrency)
	return r, nil
}

// Run works until ctx ends, then lets work under way end within the grace period; what is not done by then is cut
// short, recorded as interrupted, and its containers are brought back.
func (r *Runner) Run(ctx context.Context) error {
	defer r.cut(errShutdown)
	if err := r.loadPause(ctx); err != nil {
		return err
	}
	if err := r.recoverAll(ctx); err != nil {
		return fmt.Errorf("recover from the last end: %w", err)
	}
	close(r.ready)
	var loops sync.WaitGroup
	loops.Go(func() { r.watch(ctx) })
	loops.Go(func() { r.tellBrokenTargets(ctx) })
	loops.Go(func() { r.watchRival(ctx) })
	loops.Go(func() { r.maintain(ctx) })
	for _, name := range r.cfg.Targets.Names() {
		loops.Go(func() { r.copyLoop(ctx, name) })
	}
	loops.Go(func() {
		if r.waitPlanned(ctx) {
			r.askRival(ctx)
			r.requeue(ctx)
			r.clock.run(ctx)
		}
	})
	<-ctx.Done()
	ended := r.queue.close()
	select {
	case <-ended:
	case <-time.After(r.cfg.Grace):
		r.cut(errShutdown)
		<-ended
	}
	loops.Wait()
	return nil
}

func (r *Runner) watch(ctx context.Context) {
	err := r.cfg.Engine.Watch(ctx, func(infos []strategy.Info) { r.seen(ctx, infos) })
	if err != nil && ctx.Err() == nil {
		r.log.Error().Err(err).Msg("watch the engine")
	}
}

// tellBrokenTargets asks every target once at the start, so that a wrong key is heard of now and not tonight.
func (r *Runner) tellBrokenTargets(ctx context.Context) {
	for _, name := range r.cfg.Targets.Names() {
		if _, err := r.fitTarget(ctx, name, 0); err != nil && ctx.Err() == nil {
			r.log.Error().Err(err).Str("target", name).Msg("this target cannot be used as it is; check its path and its rclone settings (RCLONE_CONFIG_*)")
		}
	}
}

func (r *Runner) waitPlanned(ctx context.Context) bool {
	select {
	case <-r.planned:
		return true
	case <-ctx.Done():
		return false
	}
}

// watchRival asks now and then whether another appliance does the same work.
func (r *Runner) watchRival(ctx context.Context) {
	every(ctx, 15*time.Second, func() { r.askRival(ctx) })
}

// askRival looks for another appliance. An engine that does not answer leaves what was known.
func (r *Runner) askRival(ctx context.Context) {
	if r.cfg.Rival == nil {
		return
	}
	who, err := r.cfg.Rival(ctx)
	if err != nil {
		return
	}
	if before, _ := r.rival.Swap(who).(string); before != who {
		if who != "" {
			r.log.Error().Msg(who)
		} else {
			r.log.Info().Msg("the other appliance is gone: scheduling again")
		}
	}
}

// maintain does the slow work: what the journal still holds, old history.
func (r *Runner) maintain(ctx context.Context) {
	every(ctx, 30*time.Second, func() {
		if err := r.queueReplay(ctx); err != nil {
			r.log.Error().Err(err).Msg("replay the journal")
		}
		if r.cfg.HistoryRetention > 0 {
			if err := r.pruneHistory(ctx); err != nil {
				r.log.Error().Err(err).Msg("prune old history")
			}
		}
	})
}

// every calls f now and then once per period until ctx ends.
func every(ctx context.Context, period time.Duration, f func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Snapshot is the plan that was decoded last.
func (r *Runner) Snapshot() Plan { return *r.plan.Load() }

func (r *Runner) now() time.Time { return r.cfg.Now().UTC() }

// entry is the registry's entry of a strategy, by its name or an alias.
func (r *Runner) entry(name string) (strategy.Entry, bool) { return findEntry(r.cfg.Registry, name) }

func findEntry(registry []strategy.Entry, name string) (strategy.Entry, bool) {
	for _, e := range registry {
		if e.Name == name {
			return e, true
		}
		for _, alias := range e.Aliases {
			if alias == name {
				return e, true
			}
		}
	}
	return strategy.Entry{}, false
}

// optionsOf are a job's settings as strategies see them.
func optionsOf(job labels.Job, token string) strategy.Options {
	return strategy.Options{
		Token: token, Databases: job.Databases, User: job.User, PasswordEnv: job.PasswordEnv, PasswordFile: job.PasswordFile,
		Paths: job.Paths, Exclude: job.Exclude, DumpCommand: job.DumpCommand, RestoreCommand: job.RestoreCommand, Extension: job.Extension,
	}
}
