package docker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

func TestExec_StreamsAndEnvironment(t *testing.T) {
	e, c := connect(t), idle(t)
	in := make([]byte, 5<<20)
	for i := range in {
		in[i] = byte(rand.Uint32())
	}
	var out, errs bytes.Buffer
	err := port(t, e, c).Exec(t.Context(), strategy.Command{
		Args: []string{"sh", "-c", `cat; echo "$SECRET $(id -un) $1" >&2`, "sh", "a  b"}, User: "daemon", Env: []string{"SECRET=x y"},
		Stdin: iotest.HalfReader(bytes.NewReader(in)), Stdout: &out, Stderr: &errs,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(in, out.Bytes()) {
		t.Errorf("sent %d bytes, got %d", len(in), out.Len())
	}
	if want := "x y daemon a  b\n"; errs.String() != want {
		t.Errorf("stderr %q, want %q", errs.String(), want)
	}
}

// The command line may hold a secret: it goes from the engine into the container, and nowhere else.
func TestExec_OwnArgsReachTheCommandAlone(t *testing.T) {
	e, c := connect(t), enginetest.Run(t, enginetest.RunOptions{Image: enginetest.BaseImage(t), Cmd: []string{"sh", "-c", "exec sleep 1000 # a  b", "two words"}})
	var out bytes.Buffer
	err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"sh", "-c", `printf %s "$OWN"`}, OwnArgs: "OWN", Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	if want := "sh\n-c\nexec sleep 1000 # a  b\ntwo words"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestExec_ExitCodes(t *testing.T) {
	e, c := connect(t), idle(t)
	cases := map[string]struct {
		args    []string
		code    int
		missing bool
		text    string
	}{
		"a failure":                   {[]string{"sh", "-c", "echo half a dump; echo no such table >&2; exit 3"}, 3, false, "no such table"},
		"a missing program":           {[]string{"pg_dump", "--version"}, 127, true, "pg_dump"},
		"a file that is no program":   {[]string{"/etc/passwd"}, 126, true, "/etc/passwd"},
		"126 of the command's own":    {[]string{"sh", "-c", "echo data; exit 126"}, 126, false, ""},
		"a command that kills itself": {[]string{"sh", "-c", "kill -9 $$"}, 137, false, ""},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: tt.args, Stdout: &out})
			var exit *strategy.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("error: %v", err)
			}
			if exit.Code != tt.code || exit.Missing != tt.missing || !strings.Contains(exit.Stderr, tt.text) {
				t.Errorf("got %+v", exit)
			}
			if tt.missing && out.Len() > 0 {
				t.Errorf("the message went into the dump: %q", out.String())
			}
			wantError(t, err, c.Name)
		})
	}
}

// A container that is killed ends its stream as cleanly as a dump that is complete.
func TestExec_ContainerKilledMidStream(t *testing.T) {
	e, c := connect(t), idle(t)
	flowing := newTrigger(1 << 20)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		<-flowing.reached
		enginetest.Docker(t, "kill", c.ID)
	}()
	defer func() { <-killed }()
	err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"cat", "/dev/zero"}, Stdout: flowing})
	wantError(t, err, "137")
}

func TestExec_ConnectionCutMidStream(t *testing.T) {
	proxy := enginetest.NewProxy(t)
	e, c := connectVia(t, proxy), idle(t)
	flowing := newTrigger(1 << 20)
	go func() {
		<-flowing.reached
		proxy.Cut()
	}()
	// The engine itself is well, and would report exit code 0 for what nobody got.
	err := port(t, e, c).Exec(t.Context(), strategy.Command{
		Args: []string{"sh", "-c", "head -c 3000000 /dev/zero; sleep 0.5; echo the rest"}, Stdout: flowing})
	if err == nil {
		t.Error("a stream that was cut is a success")
	}
}

func TestExec_EngineGoneMidStream(t *testing.T) {
	proxy := enginetest.NewProxy(t)
	e, c := connectVia(t, proxy), idle(t)
	flowing := newTrigger(1 << 20)
	go func() {
		<-flowing.reached
		proxy.Stop()
	}()
	if err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"cat", "/dev/zero"}, Stdout: flowing}); err == nil {
		t.Error("an engine that is gone made a success")
	}
}

func TestExec_CancelEndsTheCommandInside(t *testing.T) {
	users := map[string]string{"own user": "", "another user": "daemon"}
	for name, user := range users {
		t.Run(name, func(t *testing.T) {
			e, c := connect(t), idle(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			tooLong := errors.New("the run took longer than 6h")
			flowing := newTrigger(1)
			go func() {
				<-flowing.reached
				cancel(tooLong)
			}()
			// Children too: the shell waits for one that writes.
			err := port(t, e, c).Exec(ctx, strategy.Command{Args: []string{"sh", "-c", "cat /dev/zero; echo end"}, User: user, Stdout: flowing})
			if !errors.Is(err, tooLong) {
				t.Errorf("error: %v", err)
			}
			if ps := processes(t, c); strings.Contains(ps, "/dev/zero") {
				t.Errorf("still running inside:\n%s", ps)
			}
		})
	}
}

func TestExec_CancelKillsWhatIgnoresTerm(t *testing.T) {
	e, c := connect(t), idle(t)
	ctx, cancel := context.WithCancel(t.Context())
	flowing := newTrigger(1)
	go func() {
		<-flowing.reached
		cancel()
	}()
	err := port(t, e, c).Exec(ctx, strategy.Command{Args: []string{"sh", "-c", "trap '' TERM; echo on; while :; do sleep 9; done"}, Stdout: flowing})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if ps := processes(t, c); strings.Contains(ps, "sleep 9") {
		t.Errorf("still running inside:\n%s", ps)
	}
}

// An input that breaks off must not look complete to the command: it would commit it.
func TestExec_ErrorOfStdinEndsTheCommand(t *testing.T) {
	e, c := connect(t), idle(t)
	broken := errors.New("the stored hash does not agree")
	in := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"sh", "-c", "cat > /tmp/in && touch /tmp/committed"}, Stdin: in})
	if !errors.Is(err, broken) {
		t.Errorf("error: %v", err)
	}
	if ls := c.Exec(t, "ls", "/tmp"); strings.Contains(ls, "committed") {
		t.Error("the command took the broken input for a whole one")
	}
}

func TestExec_SuccessNeedsTheEndOfStdin(t *testing.T) {
	e, c := connect(t), idle(t)
	broken := errors.New("the proof does not agree")
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("line\n"))
		_, _ = w.Write(make([]byte, 1<<20)) // more than the command reads
		w.CloseWithError(broken)
	}()
	err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"true"}, Stdin: r})
	if !errors.Is(err, broken) {
		t.Errorf("error: %v", err)
	}
}

func TestExec_ErrorOfStdoutEndsTheCommand(t *testing.T) {
	e, c := connect(t), idle(t)
	full := errors.New("target is full")
	err := port(t, e, c).Exec(t.Context(), strategy.Command{Args: []string{"cat", "/dev/zero"}, Stdout: brokenWriter{full}})
	if !errors.Is(err, full) {
		t.Errorf("error: %v", err)
	}
	if ps := processes(t, c); strings.Contains(ps, "/dev/zero") {
		t.Errorf("still running inside:\n%s", ps)
	}
}

func TestExec_PausedStoppedAndGone(t *testing.T) {
	e, c := connect(t), idle(t)
	p := port(t, e, c)
	enginetest.Docker(t, "pause", c.ID)
	wantError(t, p.Exec(t.Context(), strategy.Command{Args: []string{"true"}}), "paused")
	enginetest.Docker(t, "unpause", c.ID)
	enginetest.Docker(t, "stop", c.ID)
	wantError(t, p.Exec(t.Context(), strategy.Command{Args: []string{"true"}}), "not running")
	enginetest.Docker(t, "rm", c.ID)
	if err := p.Exec(t.Context(), strategy.Command{Args: []string{"true"}}); !errors.Is(err, strategy.ErrNoContainer) {
		t.Errorf("error: %v", err)
	}
}

func TestExec_ContainerWithoutShell(t *testing.T) {
	e := connect(t)
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/shellless"), Cmd: []string{"wait"}})
	p := port(t, e, c)
	var out bytes.Buffer
	if err := p.Exec(t.Context(), strategy.Command{Args: []string{"/simpledeploy-backup", "print"}, Stdout: &out}); err != nil || out.String() != "a dump\n" {
		t.Errorf("output %q, error %v", out.String(), err)
	}
	out.Reset()
	err := p.Exec(t.Context(), strategy.Command{Args: []string{"pg_dump"}, Stdout: &out})
	var exit *strategy.ExitError
	if !errors.As(err, &exit) || !exit.Missing || out.Len() > 0 {
		t.Errorf("a missing program: output %q, error %v", out.String(), err)
	}
	untouched := strings.NewReader("precious")
	err = p.Exec(t.Context(), strategy.Command{Args: []string{"/simpledeploy-backup", "print"}, Stdin: untouched})
	wantError(t, err, "no shell")
	if untouched.Len() != len("precious") {
		t.Error("input was read although nothing could be done with it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	wantError(t, p.Exec(ctx, strategy.Command{Args: []string{"/simpledeploy-backup", "wait"}}), "may still run", "deadline")
}

// trigger counts what it gets and tells when there was enough.
type trigger struct {
	left    atomic.Int64
	reached chan struct{}
}

func newTrigger(n int64) *trigger {
	f := &trigger{reached: make(chan struct{})}
	f.left.Store(n)
	return f
}

func (f *trigger) Write(p []byte) (int, error) {
	n := int64(len(p))
	if after := f.left.Add(-n); after <= 0 && after+n > 0 {
		close(f.reached)
	}
	return len(p), nil
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }
