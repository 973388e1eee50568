package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// hookOutput is how much of what a hook says is kept: the last part, where its error is.
const hookOutput = 16 << 10

// hookPrelude puts both streams into one, since two of them lose their order on the way, and lets the shell outlive
// what it has started when it is told to end: an orphan would be adopted by the container's first process, and a
// database takes a child that a signal killed for its own crash.
const hookPrelude = "exec 2>&1\ntrap 'exit 143' TERM\n"

// runHook runs one command with `sh -c` in the container, as the container's own user, and says what became of it. The
// error is nil only when the command ended with 0 in time.
func runHook(ctx context.Context, c strategy.Container, command string, timeout time.Duration, created func(id string) error, env ...string) (store.Hook, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %s and was ended; the label hook-timeout allows more", timeout))
	defer cancel()
	said := &lastOutput{}
	begun := time.Now()
	err := c.Exec(bounded, strategy.Command{Args: []string{"sh", "-c", hookPrelude + command}, Env: env, Created: created, Stdout: said, Stderr: said})
	hook := store.Hook{State: store.HookOK, Took: time.Since(begun)}
	hook.Output, hook.Truncated = said.text()
	exit, exited := errors.AsType[*strategy.ExitError](err)
	switch {
	case err == nil:
		return hook, nil
	case bounded.Err() != nil:
		hook.State, err = store.HookFailed, context.Cause(bounded)
		if ctx.Err() == nil {
			hook.State = store.HookTimeout
		}
	case exited && exit.Missing && hook.Output == "": // a command that the shell misses leaves the shell's own words
		hook.State, hook.ExitCode = store.HookFailed, exit.Code
		err = fmt.Errorf("container %s has no sh, and hooks are run by it: take the labels pre and post out, or use an image with a shell", c.Info().Name)
	case exited:
		hook.State, hook.ExitCode = store.HookFailed, exit.Code
		err = fmt.Errorf("exit code %d%s", exit.Code, lastWords(hook.Output))
	default:
		hook.State = store.HookFailed
	}
	hook.Error = err.Error()
	return hook, err
}

// lastWords is the end of an output, short enough for an error's text.
func lastWords(output string) string {
	output = strings.TrimSpace(output)
	if i := strings.LastIndexByte(output, '\n'); i >= 0 {
		output = output[i+1:]
	}
	const most = 300
	if len(output) > most {
		output = "…" + strings.ToValidUTF8(output[len(output)-most:], "")
	}
	if output == "" {
		return ""
	}
	return ": " + output
}

// declares says whether a label of the container holds this very command.
func declares(info strategy.Info, command string) bool {
	for _, value := range info.Labels {
		if strings.TrimSpace(value) == command {
			return true
		}
	}
	return false
}

// lastOutput keeps the last part of what is written to it; a command that was given up may still write.
type lastOutput struct {
	mu   sync.Mutex
	buf  []byte
	more bool
}

func (o *lastOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if over := len(o.buf) - hookOutput; over > 0 {
		o.buf, o.more = append(o.buf[:0], o.buf[over:]...), true
	}
	return len(p), nil
}

func (o *lastOutput) text() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ReplaceAll(strings.ToValidUTF8(string(o.buf), "\uFFFD"), "\x00", "\uFFFD"), o.more
}
