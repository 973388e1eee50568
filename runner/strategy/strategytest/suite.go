package strategytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Source is one service with some state in it.
type Source struct {
	Entry     strategy.Entry
	Container strategy.Container
	Options   strategy.Options // Token is set by the suite
	// State tells all of the state that a backup has to keep.
	State func(t testing.TB) string
	// Damage changes the state so that State differs.
	Damage func(t testing.TB)
	// Leftovers tells what a restore left behind; empty: nothing.
	Leftovers func(t testing.TB) string
}

// Run proves the contract of strategy.Strategy on one source. The source's state is the same before and after.
func Run(t *testing.T, s Source) {
	before := s.State(t)
	var raw bytes.Buffer
	report, err := s.Entry.Strategy.Dump(t.Context(), s.Container, s.Options, &raw)
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	s.Options.Files = report.Files
	want, err := s.prove(raw.Bytes())
	if err != nil {
		t.Fatalf("the dump is not proven: %v", err)
	}
	want = want.With(report.Counted)
	t.Run("proof refuses what is cut short", func(t *testing.T) {
		for _, n := range []int{0, 1, raw.Len() / 3, raw.Len() / 2, raw.Len() - 1} {
			if _, err := s.prove(raw.Bytes()[:n]); err == nil {
				t.Errorf("the first %d of %d bytes count as whole", n, raw.Len())
			}
		}
	})
	t.Run("dump tells a writer that fails", func(t *testing.T) { s.writerFails(t) })
	t.Run("dump ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Entry.Strategy.Dump(ctx, s.Container, s.Options, io.Discard); err == nil {
			t.Error("a dump that was called off counts as done")
		}
	})
	s.Damage(t)
	if s.State(t) == before {
		t.Fatal("the damage changed nothing: this suite would prove nothing")
	}
	damaged := s.State(t)
	if s.Entry.Stages {
		t.Run("restore refused at its end changes nothing", func(t *testing.T) { s.refused(t, raw.Bytes(), damaged) })
	}
	t.Run("restore brings everything back", func(t *testing.T) { s.restored(t, raw.Bytes(), before, want) })
}

func (s Source) prove(raw []byte) (strategy.Proof, error) {
	p := s.Entry.Prover()
	for rest := raw; len(rest) > 0; rest = rest[min(len(rest), 4099):] {
		if _, err := p.Write(rest[:min(len(rest), 4099)]); err != nil {
			return strategy.Proof{}, err
		}
	}
	return p.Proof()
}

var errFull = errors.New("the target is full")

type failAfter struct{ left int }

func (f *failAfter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func (s Source) writerFails(t *testing.T) {
	if _, err := s.Entry.Strategy.Dump(t.Context(), s.Container, s.Options, &failAfter{left: 100}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (s Source) refused(t *testing.T, raw []byte, state string) {
	want := errors.New("hash and proof do not agree")
	opt := s.Options
	opt.Token = "contractrefused"
	_, err := s.Entry.Strategy.Restore(t.Context(), s.Container, opt, io.MultiReader(bytes.NewReader(raw), failing{want}))
	if err == nil {
		t.Fatal("it says it is done")
	}
	if diff := cmp.Diff(state, s.State(t)); diff != "" {
		t.Errorf("the state changed:\n%s", diff)
	}
	s.clean(t)
	if r, ok := s.Entry.Strategy.(strategy.Recoverer); ok {
		if err := r.Recover(t.Context(), s.Container, opt); err != nil {
			t.Errorf("recover with nothing to do: %v", err)
		}
	}
}

func (s Source) restored(t *testing.T, raw []byte, state string, want strategy.Proof) {
	opt := s.Options
	opt.Token = "contractrestore"
	report, err := s.Entry.Strategy.Restore(t.Context(), s.Container, opt, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state, s.State(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	if report.Restored != nil {
		if diff := cmp.Diff(want, *report.Restored); diff != "" {
			t.Errorf("what was counted differs from the proof:\n%s", diff)
		}
	}
	s.clean(t)
}

func (s Source) clean(t *testing.T) {
	t.Helper()
	if s.Leftovers == nil {
		return
	}
	if left := s.Leftovers(t); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
