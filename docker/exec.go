package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/strategy"
)

const (
	// lingering is how long a command may go on after its streams have ended. One that goes on longer did not end
	// them: the connection was cut, and what it says from then on is lost, whatever its exit code will be.
	lingering = 10 * time.Second
	termGrace = 5 * time.Second
	killGrace = 5 * time.Second
)

// Exec runs one command inside the container and returns nil only when its streams have ended, the engine has
// confirmed exit code 0, and Stdin has been read to its io.EOF. The end of a stream alone proves nothing: that of a
// container killed in mid-dump looks the same.
//
// When ctx ends, or Stdin or Stdout fail, the command's process group is ended inside the container: TERM, then KILL.
// That needs a shell in the container (kill is only a builtin in many images). Without one, a command that reads
// Stdin is refused: its input could not be broken off without looking complete. One that does not is run, and an
// early end says that it may still be running.
func (c *Container) Exec(ctx context.Context, cmd strategy.Command) error {
	if len(cmd.Args) == 0 {
		return errors.New("run command: it has no arguments")
	}
	err := c.run(ctx, cmd, true)
	if errors.Is(err, errNoShell) {
		switch {
		case cmd.Args[0] == "sh":
			err = strategy.ErrNoShell
		case cmd.Stdin != nil:
			err = errors.New("the container has no shell, so a command that reads input could not be ended safely")
		default:
			err = c.run(ctx, cmd, false)
		}
	}
	return c.named("run "+cmd.Args[0], err)
}

// run executes the command once, by way of a shell that tells the process id or directly.
func (c *Container) run(ctx context.Context, cmd strategy.Command, shell bool) error {
	x := newExecution(c, cmd, shell)
	if err := x.start(ctx); err != nil {
		return err
	}
	defer x.close()
	go x.copyOut()
	go x.feed(cmd.Stdin)

	fed := x.fed
	for {
		select {
		case err := <-x.copied:
			if err != nil {
				return x.abort(ctx, err)
			}
			return x.conclude(ctx, fed)
		case err := <-fed:
			if err != nil {
				return x.abort(ctx, err)
			}
			fed = nil
		case err := <-x.stdout.failed:
			return x.abort(ctx, err)
		case <-ctx.Done():
			return x.abort(ctx, context.Cause(ctx))
		}
	}
}

// execution is one run of one command.
type execution struct {
	c      *Container
	cmd    strategy.Command
	shell  bool
	id     string
	conn   types.HijackedResponse
	stdout *firstWords
	stderr *pidLine
	last   *tail

	copied  chan error    // how the output ended
	drained chan struct{} // closed when no output comes any more
	fed     chan error    // how the input ended
	stopped chan struct{} // closed at the end: nobody wants more input
}

func newExecution(c *Container, cmd strategy.Command, shell bool) *execution {
	x := &execution{
		c: c, cmd: cmd, shell: shell, last: &tail{},
		copied: make(chan error, 1), drained: make(chan struct{}),
		fed: make(chan error, 1), stopped: make(chan struct{}),
	}
	x.stdout = newFirstWords(orDiscard(cmd.Stdout))
	var stderr io.Writer = x.last
	if cmd.Stderr != nil {
		stderr = io.MultiWriter(cmd.Stderr, x.last)
	}
	x.stderr = newPidLine(stderr)
	if !shell {
		x.stderr.finish()
	}
	return x
}

func (x *execution) start(ctx context.Context) error {
	args := x.cmd.Args
	if x.shell {
		args = x.stderr.wrap(args)
	}
	cli := x.c.e.cli
	env, err := x.environment(ctx)
	if err != nil {
		return err
	}
	created, err := cli.ContainerExecCreate(ctx, x.c.info.ID, container.ExecOptions{
		Cmd: args, Env: env, User: x.cmd.User,
		AttachStdin: x.cmd.Stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return x.c.e.explain("start command", err)
	}
	x.id = created.ID
	if x.cmd.Created != nil {
		if err := x.cmd.Created(x.id); err != nil {
			return err
		}
	}
	x.conn, err = hijack(ctx, func() (types.HijackedResponse, error) {
		return cli.ContainerExecAttach(ctx, x.id, container.ExecAttachOptions{})
	})
	if err != nil {
		return x.c.e.explain("start command", err)
	}
	return nil
}

// environment adds the container's own command line where it is wanted.
func (x *execution) environment(ctx context.Context) ([]string, error) {
	if x.cmd.OwnArgs == "" {
		return x.cmd.Env, nil
	}
	r, err := x.c.e.cli.ContainerInspect(ctx, x.c.info.ID)
	if err != nil {
		return nil, x.c.e.explain("inspect container", err)
	}
	own := append([]string{r.Path}, r.Args...)
	return append(slices.Clone(x.cmd.Env), x.cmd.OwnArgs+"="+strings.Join(own, "\n")), nil
}

func (x *execution) close() {
	close(x.stopped)
	x.conn.Close()
}

func (x *execution) copyOut() {
	err := demux(x.stdout, x.stderr, x.conn.Reader)
	x.stderr.end()
	x.copied <- err
	close(x.drained)
}

// conclude asks the engine for the truth once the output has ended.
func (x *execution) conclude(ctx context.Context, fed <-chan error) error {
	state, err := x.await(ctx, lingering)
	if err != nil {
		return x.abort(ctx, err)
	}
	if err := x.verdict(state.ExitCode); err != nil {
		// An input that went wrong at the same moment is the cause.
		select {
		case stdinErr := <-fed:
			if stdinErr != nil {
				return stdinErr
			}
		default:
		}
		return err
	}
	x.stdout.release()
	select {
	case err := <-x.stdout.failed:
		return err
	default:
	}
	if fed == nil {
		return nil
	}
	if !x.stderr.started() {
		return errors.New("the command ended before it took any input")
	}
	x.conn.Close() // a write of input that nobody takes any more would wait
	select {
	case err := <-fed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// verdict turns an exit code into an error. Codes 126 and 127 come from the engine, with its message on stdout, or
// from the shell, when the program is missing; in between they are the command's own.
func (x *execution) verdict(code int) error {
	if code == 0 {
		return nil
	}
	missing := code == 126 || code == 127
	if words := x.stdout.refusal(); missing && words != "" {
		if x.shell && !x.stderr.started() && aboutShell(words) {
			return errNoShell
		}
		return &strategy.ExitError{Code: code, Stderr: words, Missing: true}
	}
	x.stdout.release()
	text := x.last.String()
	return &strategy.ExitError{Code: code, Stderr: text, Missing: missing && x.shell && x.stdout.empty() && fromShell(text)}
}

// await waits until the engine says that the command does not run any more.
func (x *execution) await(ctx context.Context, most time.Duration) (container.ExecInspect, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errStillRunning)
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(wait*2, 200*time.Millisecond) {
		state, err := x.c.e.cli.ContainerExecInspect(ctx, x.id)
		switch {
		case ctx.Err() != nil:
			return state, context.Cause(ctx)
		case err != nil:
			return state, fmt.Errorf("confirm the command's exit code: the engine does not tell it: %w", err)
		case !state.Running:
			return state, nil
		}
		sleep(ctx, wait)
	}
}

var (
	errNoShell      = errors.New("the container has no shell")
	errStillRunning = errors.New("the connection to the engine was cut while the command went on: its output is not whole")
)

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// hijack lets ctx end a request that the client itself would wait for without end.
func hijack(ctx context.Context, dial func() (types.HijackedResponse, error)) (types.HijackedResponse, error) {
	type answer struct {
		conn types.HijackedResponse
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		conn, err := dial()
		got <- answer{conn, err}
	}()
	select {
	case a := <-got:
		return a.conn, a.err
	case <-ctx.Done():
		go func() {
			if a := <-got; a.err == nil {
				a.conn.Close()
			}
		}()
		return types.HijackedResponse{}, context.Cause(ctx)
	}
}
