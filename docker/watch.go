package docker

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/simpledeploy/backup/runner/strategy"
)

const (
	quiet      = 200 * time.Millisecond // events this close together lead to one list
	patience   = time.Second            // a host that never gets quiet is listed this often
	listEvery  = time.Minute            // the net below the events
	listWithin = 30 * time.Second
	retryFirst = 250 * time.Millisecond
	retryMost  = 30 * time.Second
)

// Watch calls seen with every container at first, and again after each change, until ctx ends; then it returns nil.
// An event is only a hint to list again, so that a lost one costs a minute and never a wrong picture. When the
// engine goes away it waits and comes back by itself; OnConnection tells.
func (e *Engine) Watch(ctx context.Context, seen func([]strategy.Info)) error {
	wait, away := retryFirst, false
	for ctx.Err() == nil {
		err := e.session(ctx, func(all []strategy.Info) {
			wait = retryFirst
			if away {
				away = false
				e.tell(true, nil)
			}
			seen(all)
		})
		if ctx.Err() != nil {
			break
		}
		if !away {
			away = true
			e.tell(false, err)
		}
		sleep(ctx, wait/2+rand.N(wait/2))
		wait = min(wait*2, retryMost)
	}
	return nil //nolint:nilerr // that its context ends is how a watch ends well
}

func (e *Engine) tell(connected bool, err error) {
	if e.opt.OnConnection != nil {
		e.opt.OnConnection(connected, err)
	}
}

// session subscribes first and lists then, so that nothing falls between; it ends with the connection.
func (e *Engine) session(ctx context.Context, seen func([]strategy.Info)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := e.identify(ctx); err != nil {
		return err
	}
	changes, broken := e.cli.Events(ctx, events.ListOptions{Filters: lifecycle()})
	net := time.NewTicker(listEvery)
	defer net.Stop()
	for {
		if err := e.listInto(ctx, seen); err != nil {
			return err
		}
		select {
		case <-net.C:
		case err := <-broken:
			return e.explain("watch containers", ended(err))
		case <-changes:
			if err := settle(ctx, changes, broken, quiet, patience); err != nil {
				return err
			}
		}
	}
}

func (e *Engine) listInto(ctx context.Context, seen func([]strategy.Info)) error {
	// A connection that is dead without saying so is found out here.
	ctx, cancel := context.WithTimeoutCause(ctx, listWithin, errors.New("the engine did not answer a list in time"))
	defer cancel()
	all, err := e.List(ctx)
	if err != nil {
		return err
	}
	seen(all)
	return nil
}

// settle takes events in until there were none for quiet, or until most has passed.
func settle[T any](ctx context.Context, changes <-chan T, broken <-chan error, quiet, most time.Duration) error {
	pause, limit := time.NewTimer(quiet), time.NewTimer(most)
	defer pause.Stop()
	defer limit.Stop()
	for {
		select {
		case <-changes:
			pause.Reset(quiet)
		case <-pause.C:
			return nil
		case <-limit.C:
			return nil
		case err := <-broken:
			return ended(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lifecycle filters at the engine: health probes alone would flood an unfiltered stream with exec events.
func lifecycle() filters.Args {
	args := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))
	for _, action := range []events.Action{
		events.ActionCreate, events.ActionStart, events.ActionDie, events.ActionStop, events.ActionPause,
		events.ActionUnPause, events.ActionDestroy, events.ActionRename, events.ActionUpdate,
	} {
		args.Add("event", string(action))
	}
	return args
}

func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the engine closed the event stream")
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
