package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/rclone/rclone/fs/fserrors"
)

// source is the stream on its way into a backend. It remembers what went wrong in it, whatever the backend makes of
// that, and shows the backend an error that looks like no other: rclone takes some (a bare io.ErrUnexpectedEOF in a
// short stream) for a clean end.
type source struct {
	ctx context.Context //nolint:containedctx // lives as long as one Put
	r   io.Reader

	mu      sync.Mutex
	n       int64
	err     error
	ended   bool
	stopped bool
}

// sourceError says that the stream failed, not the target.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the stream: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// brokenStream is what a backend gets to see; it would otherwise ask a stream again that will not come back.
func brokenStream() error {
	return fserrors.NoLowLevelRetryError(fserrors.NoRetryError(errors.New("the stream broke off")))
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.before(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += int64(n)
	switch err { // compared bare: a wrapped EOF is not a clean end
	case nil:
		return n, nil
	case io.EOF:
		s.ended = true
		return n, io.EOF
	default:
		s.err = &sourceError{err}
		return n, brokenStream()
	}
}

func (s *source) before() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return brokenStream()
	}
	if s.err != nil {
		return brokenStream()
	}
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return brokenStream()
	}
	return nil
}

// stop keeps a transport that has not noticed its end yet from reading on.
func (s *source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *source) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// complete is nil if the stream was read to its clean end and had the length that was promised.
func (s *source) complete(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if size >= 0 && s.n != size {
		return &sourceError{fmt.Errorf("it had %d bytes, %d were announced", s.n, size)}
	}
	if !s.ended && size < 0 {
		return errors.New("the backend did not read the stream to its end")
	}
	return nil
}

// cause is the stream's own error if it had one: that is why the backend failed.
func (s *source) cause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return err
}
