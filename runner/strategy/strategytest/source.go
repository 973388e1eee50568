package strategytest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Source is one service with some state in it, and what its engine's tests know of it.
type Source struct {
	Entry     strategy.Entry
	Container strategy.Container
	Options   strategy.Options // Token and Size are set by the suite
	// State tells all of the state that a backup has to keep: every row and key, or a hash of each.
	State func(t testing.TB) string
	// Damage changes the state so that State differs. It must work more than once, on a state that is whole.
	Damage func(t testing.TB)
	// Leftovers tells what a restore left behind, empty: nothing. Optional.
	Leftovers func(t testing.TB) string
	// Fresh starts another service of the kind, without any state. Optional.
	Fresh func(t testing.TB) Source
	// Restart starts the service anew, so that what was restored has to be on its disk. Optional.
	Restart func(t testing.TB)
	// Hand runs the recipe of a manifest on the service. Optional.
	Hand func(t testing.TB, recipe string, raw []byte)
	// Writer changes the state while it is dumped. Optional.
	Writer *Writer
	// Secrets are what must be on no command line. Optional.
	Secrets []string
}

// Writer moves amounts about in transactions, so that their sum is the same at every moment.
type Writer struct {
	Start func(t testing.TB) // returns while it goes on writing
	Stop  func(t testing.TB) // returns when it writes no more
	Done  func(t testing.TB) string
	Sum   func(t testing.TB) string
}

// Entry is a strategy of the registry.
func Entry(t testing.TB, name string) strategy.Entry {
	t.Helper()
	for _, entry := range strategy.Builtin() {
		if entry.Name == name {
			return entry
		}
	}
	t.Fatalf("%s is not in the registry", name)
	return strategy.Entry{}
}

// Dump returns a dump of all, and fails the test when there is none, or one that is not proven.
func (s Source) Dump(t testing.TB) ([]byte, strategy.Proof) {
	t.Helper()
	var raw bytes.Buffer
	report, err := s.Entry.Strategy.Dump(t.Context(), s.Container, s.Options, &raw)
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	if _, ok := s.Entry.Strategy.(strategy.Versioner); ok && report.EngineVersion == "" {
		t.Error("the report does not say which version was dumped")
	}
	proof, err := s.Prove(t, raw.Bytes())
	if err != nil {
		t.Fatalf("the dump is not proven: %v", err)
	}
	return raw.Bytes(), proof.With(report.Counted)
}

// Restore puts a dump back and fails the test when that does not work.
func (s Source) Restore(t testing.TB, raw []byte) strategy.Report {
	t.Helper()
	report, err := s.Entry.Strategy.Restore(t.Context(), s.Container, s.restoreOptions(len(raw)), bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return report
}

func (s Source) restoreOptions(size int) strategy.Options {
	opt := s.Options
	opt.Token, opt.Size = "contract", int64(size)
	return opt
}

// Prove gives a dump of the source to its strategy's prover.
func (s Source) Prove(t testing.TB, raw []byte) (strategy.Proof, error) {
	t.Helper()
	return proofOf(s.prover(t), raw)
}

// prover is that of what the source's dump will be.
func (s Source) prover(t testing.TB) func() strategy.Prover {
	t.Helper()
	extension := s.Entry.Extension
	if n, ok := s.Entry.Strategy.(strategy.Namer); ok {
		var err error
		if extension, err = n.Extension(t.Context(), s.Container, s.Options); err != nil {
			t.Fatalf("ask for the extension: %v", err)
		}
	}
	return func() strategy.Prover { return s.Entry.NewProver(extension) }
}

// Prove gives a dump to the prover of a strategy with one raw form.
func Prove(e strategy.Entry, raw []byte) (strategy.Proof, error) { return proofOf(e.Prover, raw) }

func (s Source) clean(t testing.TB) {
	t.Helper()
	if s.Leftovers == nil {
		return
	}
	if left := s.Leftovers(t); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// shows says which of the secrets is in a text.
func (s Source) shows(text string) string {
	for _, secret := range s.Secrets {
		if strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}
