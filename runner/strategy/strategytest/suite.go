package strategytest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Run proves the contract of strategy.Strategy on one source. Its state is as before when it ends, but for what its
// writer wrote.
func Run(t *testing.T, s Source) {
	watched := &Watched{Container: s.Container}
	s.Container = watched
	before := s.State(t)
	raw, proof := s.Dump(t)
	t.Run("proof refuses what is cut short", func(t *testing.T) { Truncations(t, s.prover(t), raw) })
	t.Run("dump that cannot be written or is called off is an error", func(t *testing.T) { s.brokenOff(t) })
	t.Run("restore into the same service", func(t *testing.T) { s.restored(t, raw, before, proof) })
	if s.Entry.Stages {
		t.Run("restore refused at its end changes nothing", func(t *testing.T) { s.refused(t, raw) })
	}
	t.Run("restore after damage", func(t *testing.T) {
		s.damage(t, before)
		s.restored(t, raw, before, proof)
	})
	if s.Fresh != nil {
		t.Run("restore into a fresh service", func(t *testing.T) {
			fresh := s.Fresh(t)
			if fresh.State(t) == before {
				t.Fatal("it has the state already: this would prove nothing")
			}
			fresh.restored(t, raw, before, proof)
			fresh.restarted(t, before)
		})
	}
	if s.Hand != nil {
		t.Run("restore by hand", func(t *testing.T) {
			s.damage(t, before)
			s.Hand(t, s.Entry.Recipe(s.Options), raw)
			if diff := cmp.Diff(before, s.State(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
		})
	}
	if s.Writer != nil {
		t.Run("dump under a writer is of one moment", func(t *testing.T) { s.oneMoment(t) })
	}
	if shown := s.shows(watched.Shown()); shown != "" {
		t.Errorf("%q was on a command line", shown)
	}
}

func (s Source) brokenOff(t *testing.T) {
	cause := errors.New("the target is full")
	if _, err := s.Entry.Strategy.Dump(t.Context(), s.Container, s.Options, Full(100, cause)); !errors.Is(err, cause) {
		t.Errorf("a writer that fails: %v, want %v", err, cause)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Entry.Strategy.Dump(ctx, s.Container, s.Options, io.Discard); err == nil {
		t.Error("a dump that was called off counts as done")
	}
}

func (s Source) damage(t *testing.T, before string) {
	t.Helper()
	s.Damage(t)
	if s.State(t) == before {
		t.Fatal("the damage changed nothing: this would prove nothing")
	}
}

func (s Source) refused(t *testing.T, raw []byte) {
	s.Damage(t)
	damaged := s.State(t)
	cause := errors.New("hash and proof do not agree")
	opt := s.restoreOptions(len(raw))
	if _, err := s.Entry.Strategy.Restore(t.Context(), s.Container, opt, Refused(raw, cause)); !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
	if diff := cmp.Diff(damaged, s.State(t)); diff != "" {
		t.Errorf("the state changed:\n%s", diff)
	}
	s.clean(t)
	if r, ok := s.Entry.Strategy.(strategy.Recoverer); ok {
		if err := r.Recover(t.Context(), s.Container, opt); err != nil {
			t.Errorf("recover with nothing to do: %v", err)
		}
	}
	s.Restore(t, raw)
}

func (s Source) restored(t *testing.T, raw []byte, state string, want strategy.Proof) {
	t.Helper()
	report := s.Restore(t, raw)
	if diff := cmp.Diff(state, s.State(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	if report.Restored != nil {
		if report.Restored.Detail == nil {
			want.Detail = nil // counted in total only
		}
		if diff := cmp.Diff(want, *report.Restored); diff != "" {
			t.Errorf("what was counted differs from the proof:\n%s", diff)
		}
	}
	s.clean(t)
}

func (s Source) restarted(t *testing.T, state string) {
	t.Helper()
	if s.Restart == nil {
		return
	}
	s.Restart(t)
	if diff := cmp.Diff(state, s.State(t)); diff != "" {
		t.Errorf("state after a restart differs (-was +is):\n%s", diff)
	}
}

// oneMoment dumps while the writer is at work, and looks at the sum of what comes back.
func (s Source) oneMoment(t *testing.T) {
	w := s.Writer
	w.Start(t)
	first := w.Done(t)
	Until(t, "the writer writes", func() bool { return w.Done(t) != first })
	want, before := w.Sum(t), w.Done(t)
	raw, _ := s.Dump(t)
	after := w.Done(t)
	w.Stop(t)
	if before == after {
		t.Fatal("nothing was written during the dump")
	}
	s.Restore(t, raw)
	if got := w.Sum(t); got != want {
		t.Errorf("the sum is %s, and was %s at every moment", got, want)
	}
	if got := w.Done(t); got == first {
		t.Errorf("the dump is of a moment before the writer began: %s", got)
	}
}

// Until waits for a condition that another process makes true.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
