package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	drainTime = 5 * time.Second
	probeTime = time.Second
	// maxSocketPath is what the kernel has room for in a socket's address.
	maxSocketPath = 107
)

// Serve answers on TCP and on the control socket until ctx ends, then lets requests under way finish. Both doors are
// open before the first request is served; if one cannot be opened, none is. An empty listen leaves TCP out.
func (s *Server) Serve(ctx context.Context, listen, socket string) error {
	control, closeSocket, err := listenSocket(ctx, socket)
	if err != nil {
		return err
	}
	defer closeSocket()
	servers := []*http.Server{s.httpServer(true)}
	doors := []net.Listener{control}
	if listen != "" {
		tcp, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("listen on %s (SIMPLEDEPLOY_LISTEN): %w", listen, err)
		}
		servers, doors = append(servers, s.httpServer(false)), append(doors, tcp)
	}
	defer s.work.Wait()
	s.renewBehind(ctx) // the first reader need not wait for the record to be read
	return serveAll(ctx, servers, doors)
}

func serveAll(ctx context.Context, servers []*http.Server, doors []net.Listener) error {
	ended := make(chan error, len(servers))
	for i, srv := range servers {
		go func() { ended <- srv.Serve(doors[i]) }()
	}
	var errs []error
	left := len(servers)
	select {
	case <-ctx.Done():
	case err := <-ended:
		left--
		errs = append(errs, fmt.Errorf("serve: %w", err))
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	for _, srv := range servers {
		if err := srv.Shutdown(drain); err != nil {
			errs = append(errs, fmt.Errorf("end requests under way: %w", err), srv.Close())
		}
	}
	for range left {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, fmt.Errorf("serve: %w", err))
		}
	}
	return errors.Join(errs...)
}

// httpServer bounds how long a slow client can hold a connection. Over the control socket an answer may take as long
// as pruning does.
func (s *Server) httpServer(trusted bool) *http.Server {
	srv := &http.Server{
		Handler: s.Handler(trusted), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	if !trusted {
		srv.WriteTimeout = 10 * time.Minute
	}
	return srv
}

// listenSocket opens the control socket for the owner alone. A socket that an earlier process left behind is replaced;
// one that still answers, or a file that is no socket, is left alone and is an error.
func listenSocket(ctx context.Context, path string) (net.Listener, func(), error) {
	fresh := path + ".new"
	if len(fresh) > maxSocketPath {
		return nil, nil, fmt.Errorf("open control socket %s: the path is longer than %d bytes: choose a shorter SIMPLEDEPLOY_DATA_DIR",
			path, maxSocketPath-len(".new"))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the control socket: %w", err)
	}
	if err := refuseInUse(ctx, path); err != nil {
		return nil, nil, fmt.Errorf("open control socket %s: %w", path, err)
	}
	// It is made under another name and moved when its mode is right: at no moment can others connect.
	if err := removeSocket(fresh); err != nil {
		return nil, nil, fmt.Errorf("open control socket %s: %w", path, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", fresh)
	if err != nil {
		return nil, nil, fmt.Errorf("open control socket %s: %w", path, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, path)); err != nil {
		return nil, nil, fmt.Errorf("open control socket %s: %w", path, errors.Join(err, l.Close(), os.Remove(fresh)))
	}
	mine, err := os.Lstat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open control socket %s: %w", path, errors.Join(err, l.Close()))
	}
	return l, func() { removeOwn(l, path, mine) }, nil
}

// removeOwn closes the socket and removes its file, unless a later process has put its own in the place.
func removeOwn(l net.Listener, path string, mine fs.FileInfo) {
	// Closing a listener that the server closed already is no trouble.
	_ = l.Close()
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, mine) {
		_ = os.Remove(path)
	}
}

// refuseInUse says whether somebody answers at path, or something other than a socket is there.
func refuseInUse(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("a file that is no socket is in its place: move it away")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("another server answers there: end it first, or give this one its own SIMPLEDEPLOY_DATA_DIR")
	}
	if !nobodyAnswers(err) {
		return fmt.Errorf("cannot tell whether another server is there: %w", err)
	}
	return nil
}

func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is no socket: move it away", path)
	}
	return os.Remove(path)
}
