package docker

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// engineRefusal begins the engine's message about a program that it cannot start. It comes on stdout, where it
// would become the dump's content.
const engineRefusal = "OCI runtime exec failed"

// firstWords passes output through, but holds it back while it may still be the engine's refusal.
type firstWords struct {
	w    io.Writer
	held []byte
	open bool
	n    int64

	muted  atomic.Bool // nobody wants more, but the stream must go on: the process id comes in it
	failed chan error  // w's own error, once
}

func newFirstWords(w io.Writer) *firstWords { return &firstWords{w: w, failed: make(chan error, 1)} }

func (f *firstWords) Write(p []byte) (int, error) {
	f.n += int64(len(p))
	if f.muted.Load() {
		return len(p), nil
	}
	if f.open {
		f.pass(p)
		return len(p), nil
	}
	f.held = append(f.held, p...)
	start := f.held[:min(len(f.held), len(engineRefusal))]
	if strings.HasPrefix(engineRefusal, string(start)) && len(f.held) <= tailSize {
		return len(p), nil
	}
	f.release()
	return len(p), nil
}

func (f *firstWords) pass(p []byte) {
	if _, err := f.w.Write(p); err != nil {
		f.mute()
		f.failed <- fmt.Errorf("write output: %w", err)
	}
}

// release lets everything through from now on.
func (f *firstWords) release() {
	f.open = true
	if len(f.held) > 0 && !f.muted.Load() {
		f.pass(f.held)
	}
	f.held = nil
}

// refusal is the engine's message, if that is all that came.
func (f *firstWords) refusal() string {
	if f.open || !bytes.HasPrefix(f.held, []byte(engineRefusal)) {
		return ""
	}
	return strings.TrimSpace(string(f.held))
}

func (f *firstWords) mute() { f.muted.Store(true) }

func (f *firstWords) empty() bool { return f.n == 0 }

// aboutShell says whether a refusal is about the shell that we brought in and not about something else.
func aboutShell(refusal string) bool { return strings.Contains(refusal, `"sh"`) }

// fromShell recognises a shell's own message about a program that it cannot exec.
func fromShell(stderr string) bool {
	return strings.Contains(stderr, "exec: ") || strings.Contains(stderr, "not found") || strings.Contains(stderr, "ermission denied")
}

// pidLine takes the line with the process id out of stderr and passes the rest on.
type pidLine struct {
	token   string
	w       io.Writer
	running chan struct{} // closed once pid is known, or cannot become known any more
	once    sync.Once
	pid     int // valid after running is closed; 0: not known
	buf     []byte
	done    bool
}

func newPidLine(w io.Writer) *pidLine {
	return &pidLine{token: "pid-" + rand.Text(), w: w, running: make(chan struct{})}
}

// wrap lets a shell tell its process id and become the command. The engine makes it the leader of a process group
// of its own, so the id names the command's children as well.
func (l *pidLine) wrap(args []string) []string {
	return append([]string{"sh", "-c", "echo " + l.token + ` $$ >&2; exec "$@"`, "sh"}, args...)
}

func (l *pidLine) Write(p []byte) (int, error) {
	if l.done {
		return l.w.Write(p)
	}
	l.buf = append(l.buf, p...)
	for !l.done {
		line, rest, whole := bytes.Cut(l.buf, []byte("\n"))
		if !whole {
			break
		}
		l.buf = rest
		if text, ok := strings.CutPrefix(string(line), l.token+" "); ok {
			l.pid, _ = strconv.Atoi(strings.TrimSpace(text))
			l.finish()
		} else if _, err := fmt.Fprintf(l.w, "%s\n", line); err != nil {
			return 0, err
		}
	}
	if l.done || len(l.buf) > 64<<10 {
		return len(p), l.flush()
	}
	return len(p), nil
}

// started says whether the shell has spoken.
func (l *pidLine) started() bool {
	select {
	case <-l.running:
		return l.pid > 0
	default:
		return false
	}
}

// end is called when stderr has ended.
func (l *pidLine) end() { _ = l.flush() }

func (l *pidLine) flush() error {
	l.finish()
	rest := l.buf
	l.buf = nil
	if len(rest) == 0 {
		return nil
	}
	_, err := l.w.Write(rest)
	return err
}

func (l *pidLine) finish() {
	l.done = true
	l.once.Do(func() { close(l.running) })
}
