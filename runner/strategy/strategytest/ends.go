package strategytest

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Refused is a stream that ends with an error where io.EOF should be: hash and proof did not agree.
func Refused(raw []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(raw), failing{err})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Halfway is a stream that calls do once, when n bytes have been read.
func Halfway(raw []byte, n int, do func()) io.Reader {
	return &halfway{r: bytes.NewReader(raw), left: n, do: do}
}

type halfway struct {
	r    io.Reader
	left int
	do   func()
}

func (h *halfway) Read(p []byte) (int, error) {
	if h.left <= 0 && h.do != nil {
		h.do()
		h.do = nil
	}
	n, err := h.r.Read(p[:min(len(p), 4096)])
	h.left -= n
	return n, err
}

// After is a writer that takes everything and calls do once, when more than n bytes have arrived.
func After(n int, do func()) io.Writer { return &after{left: n, do: do} }

type after struct {
	left int
	do   func()
}

func (a *after) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 && a.do != nil {
		a.do()
		a.do = nil
	}
	return len(p), nil
}

// When is a writer that takes everything and calls do once, when a piece with the text in it has arrived.
func When(text string, do func()) io.Writer { return &when{text, do} }

type when struct {
	text string
	do   func()
}

func (w *when) Write(p []byte) (int, error) {
	if w.do != nil && bytes.Contains(p, []byte(w.text)) {
		w.do()
		w.do = nil
	}
	return len(p), nil
}

// Full is a writer that fails with err after n bytes.
func Full(n int, err error) io.Writer { return &full{n, err} }

type full struct {
	left int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// Watched is a container that notes what is shown of every command: its arguments.
type Watched struct {
	strategy.Container
	shown strings.Builder
}

// Exec notes the command and runs it.
func (w *Watched) Exec(ctx context.Context, cmd strategy.Command) error {
	for _, arg := range cmd.Args {
		w.shown.WriteString(arg + "\n")
	}
	return w.Container.Exec(ctx, cmd)
}

// Shown is what was noted.
func (w *Watched) Shown() string { return w.shown.String() }

// WithEnv is a container whose commands find more in their environment, as if it had been started so.
type WithEnv struct {
	strategy.Container
	Env []string
}

// Exec runs the command with the additions.
func (w WithEnv) Exec(ctx context.Context, cmd strategy.Command) error {
	cmd.Env = append(append([]string{}, w.Env...), cmd.Env...)
	return w.Container.Exec(ctx, cmd)
}
