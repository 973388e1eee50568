package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Close refreshes the planner's statistics, writes the log back into the file and frees it for another process. A second
// call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	done := s.closed
	s.closed = true
	s.mu.Unlock()
	if done {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 5*time.Second, errors.New("optimize took longer than 5 s"))
	defer cancel()
	_, err := s.write.ExecContext(ctx, "PRAGMA optimize")
	if err := errors.Join(explain(s.path, err), s.release()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// release gives back what open took, last thing first. The writer is closed after the readers, so that it is the last
// connection and takes the log in.
func (s *Store) release() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
