package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/frame"
)

const (
	socketFolderPrefix = "helper-"
	socketName         = "s.sock"
	workName           = "work"
	contactWithin      = time.Minute
)

// overSocket waits for the helper at a Unix socket in a folder of the call's own, which is all of our data folder
// that the helper sees.
func (k *call) overSocket(ctx context.Context, s spec, f socketFolder) error {
	name := socketFolderPrefix + strings.ToLower(rand.Text()[:10])
	local := filepath.Join(f.local, name)
	listener, err := listen(local)
	if err != nil {
		return err
	}
	defer os.RemoveAll(local)
	defer listener.Close()

	s = s.withSocket(filepath.Join(f.host, name))
	if k.cmd.Database {
		if err := makeOpen(filepath.Join(local, workName)); err != nil {
			return err
		}
		s = s.withWork(filepath.Join(f.host, name, workName))
	}
	h, err := k.e.startHelper(ctx, s, discard{})
	if err != nil {
		return err
	}
	defer h.end(ctx)
	conn, err := h.accept(ctx, listener)
	if err != nil {
		return err
	}
	return h.converse(ctx, k, conn)
}

// listen makes the folder and the socket. The folder above is ours alone, so both are open to whoever the helper's
// user is on this host (with user namespaces it is not root).
func listen(folder string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return nil, fmt.Errorf("make the helper's socket: %w", err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the helper's socket: %w", err)
	}
	l, err := listenIn(folder)
	if err == nil {
		err = errors.Join(os.Chmod(folder, 0o755), os.Chmod(filepath.Join(folder, socketName), 0o666))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the helper's socket: %w", err), os.RemoveAll(folder))
	}
	return l, nil
}

// makeOpen makes a folder that any user of the helper can write to; the one above keeps others out.
func makeOpen(folder string) error {
	if err := errors.Join(os.Mkdir(folder, 0o777), os.Chmod(folder, 0o777)); err != nil {
		return fmt.Errorf("make the helper's folder for copies: %w", err)
	}
	return nil
}

// listenIn goes through the open folder: a socket's address has room for about a hundred bytes, a path for more.
func listenIn(folder string) (net.Listener, error) {
	d, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName)})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the folder goes as a whole
	return l, nil
}

// accept waits for the helper, or for its early end.
func (h *helper) accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	type answer struct {
		conn net.Conn
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		conn, err := l.Accept()
		got <- answer{conn, err}
	}()
	late := time.NewTimer(contactWithin)
	defer late.Stop()
	var err error
	select {
	case a := <-got:
		return a.conn, a.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-h.exited:
		err = fmt.Errorf("the helper ended before it came to our socket: %w", h.ended(ctx))
	case <-late.C:
		err = fmt.Errorf("the helper did not come to our socket within %s%s", contactWithin, h.lastWords())
	}
	l.Close()
	if a := <-got; a.err == nil {
		a.conn.Close()
	}
	return nil, err
}

// converse makes the call and adds to a missing trailer why it is missing.
func (h *helper) converse(ctx context.Context, k *call, rw io.ReadWriteCloser) error {
	err := frame.Call(ctx, rw, k.req, k.cmd.Stdin, k.cmd.Stdout, k.cmd.Trailer)
	if errors.Is(err, frame.ErrNoTrailer) {
		return fmt.Errorf("%w: %w", err, h.ended(ctx))
	}
	return err
}
