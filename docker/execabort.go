package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
)

// abort ends the command inside the container, then the connection, and returns why. Closing the connection alone
// does not stop a process, and would look to it like the end of its input.
func (x *execution) abort(ctx context.Context, why error) error {
	x.stdout.mute()
	endErr := x.end(ctx)
	x.conn.Close()
	select {
	case <-x.drained:
	case <-time.After(2 * time.Second): // a Write that hangs is the reader's affair
	}
	return errors.Join(why, endErr)
}

func (x *execution) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), termGrace+killGrace+20*time.Second)
	defer cancel()
	if state, err := x.c.e.cli.ContainerExecInspect(ctx, x.id); err == nil && !state.Running {
		return nil
	}
	if !x.shell {
		return errors.New("the container has no shell, so the command could not be ended; it may still run there")
	}
	select {
	case <-x.stderr.running:
	case <-time.After(2 * time.Second):
	}
	if !x.stderr.started() {
		return errors.New("the command did not tell its process id, so it could not be ended; it may still run in the container")
	}
	x.signal(ctx, "TERM", x.stderr.pid)
	_, err := x.await(ctx, termGrace)
	x.signal(ctx, "KILL", x.stderr.pid) // also for children that outlived it
	if err == nil {
		return nil
	}
	if _, err := x.await(ctx, killGrace); err != nil {
		return fmt.Errorf("end the command: it may still run in the container: %w", err)
	}
	return nil
}

// signal reaches the process group, or the process alone where there is no group; first as the command's own user,
// then as root, since either may be the one that is allowed to.
func (x *execution) signal(ctx context.Context, name string, pid int) {
	const script = `kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null`
	for _, user := range []string{x.cmd.User, "0"} {
		cli := x.c.e.cli
		created, err := cli.ContainerExecCreate(ctx, x.c.info.ID, container.ExecOptions{
			User: user, Cmd: []string{"sh", "-c", script, "sh", name, strconv.Itoa(pid)},
		})
		if err != nil {
			continue
		}
		if cli.ContainerExecStart(ctx, created.ID, container.ExecStartOptions{Detach: true}) != nil {
			continue
		}
		kill := &execution{c: x.c, id: created.ID}
		if state, err := kill.await(ctx, 2*time.Second); err == nil && state.ExitCode == 0 {
			return
		}
	}
}
