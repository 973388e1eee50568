package docker

import (
	"context"
	"fmt"
	"io"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
)

// helper is one helper container from its making to its removal.
type helper struct {
	e      *Engine
	id     string
	conn   types.HijackedResponse
	stderr *tail
	exited chan struct{} // closed when it has ended
	cancel context.CancelFunc
}

// startHelper makes, attaches and starts, in this order, so that nothing that the helper says is lost. What it says
// on stdout goes there. The caller must call end.
func (e *Engine) startHelper(ctx context.Context, s spec, stdout io.WriteCloser) (*helper, error) {
	// Not bound to ctx: a container whose making was broken off half-way would have no id to remove it by.
	made, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	created, err := e.cli.ContainerCreate(made, s.config, s.host, nil, nil, "")
	if cerrdefs.IsNotFound(err) {
		return nil, fmt.Errorf("make helper: the engine does not have image %s: %w", s.config.Image, err)
	}
	if err != nil {
		return nil, e.explain("make helper", err)
	}
	h := &helper{e: e, id: created.ID, stderr: &tail{}, exited: make(chan struct{})}
	if err := h.start(ctx, s.config.OpenStdin, stdout); err != nil {
		h.end(ctx)
		return nil, e.explain("start helper", err)
	}
	return h, nil
}

func (h *helper) start(ctx context.Context, stdin bool, stdout io.WriteCloser) error {
	watch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.cancel = cancel
	var err error
	h.conn, err = hijack(ctx, func() (types.HijackedResponse, error) {
		return h.e.cli.ContainerAttach(watch, h.id, container.AttachOptions{Stream: true, Stdin: stdin, Stdout: true, Stderr: true})
	})
	if err != nil {
		return err
	}
	go func() {
		_ = demux(stdout, h.stderr, h.conn.Reader) // a cut stream lacks its trailer: told there
		_ = stdout.Close()
	}()
	exited, failed := h.e.cli.ContainerWait(watch, h.id, container.WaitConditionNextExit)
	go func() {
		select {
		case <-exited:
		case <-failed: //nolint:errcheck // either way it is over; what went wrong is told where its trailer lacks
		}
		close(h.exited)
	}()
	return h.e.cli.ContainerStart(ctx, h.id, container.StartOptions{})
}

// end kills and removes the helper, whatever became of ctx. One that cannot be removed now is a leftover that
// RemoveLeftovers finds by its labels; it has no way to do harm: its connection is closed.
func (h *helper) end(ctx context.Context) {
	if h.conn.Conn != nil {
		h.conn.Close()
	}
	if h.cancel != nil {
		defer h.cancel()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = h.e.remove(ctx, h.id)
}
