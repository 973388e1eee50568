package docker

import (
	"context"
	"io"

	"github.com/docker/docker/api/types"
)

// overAttach uses the engine's own connection to the helper's stdin and stdout: slower, but it needs nothing in
// common with the engine's host.
func (k *call) overAttach(ctx context.Context, s spec) error {
	if k.cmd.Database {
		s = s.withWork("")
	}
	r, w := io.Pipe()
	h, err := k.e.startHelper(ctx, s.withStdin(), w)
	if err != nil {
		r.Close()
		return err
	}
	defer h.end(ctx)
	return h.converse(ctx, k, &attached{PipeReader: r, conn: h.conn})
}

// attached is the helper's stdout and stdin as one stream.
type attached struct {
	*io.PipeReader
	conn types.HijackedResponse
}

func (a *attached) Write(p []byte) (int, error) { return a.conn.Conn.Write(p) }

func (a *attached) Close() error {
	a.conn.Close()
	return a.PipeReader.Close()
}

// discard is for a helper whose stdout says nothing.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
