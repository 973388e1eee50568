package status

import (
	"context"
	"fmt"
	"time"
)

const (
	// freshFor is how old a kept summary may be before a new one is made.
	freshFor = time.Second
	// staleFor is how old a summary may be that is shown while the new one is made: readers do not wait for it.
	staleFor = 5 * time.Second
	// renewTime bounds the making of a new one.
	renewTime = 10 * time.Second
)

// summary returns the summary: many readers cost no more than one a second, unless it must be fresh.
func (s *Server) summary(ctx context.Context, fresh bool) (*Status, error) {
	v, age := s.keptSummary()
	if fresh || v == nil || age >= staleFor {
		return s.renew(ctx)
	}
	if age >= freshFor {
		s.renewBehind(ctx)
	}
	return v, nil
}

func (s *Server) renew(ctx context.Context) (*Status, error) {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	asOf := s.changes.Load()
	v, err := s.summarize(ctx)
	if err != nil {
		return nil, err
	}
	s.keep(v, asOf)
	return v, nil
}

// renewBehind makes a new summary, and the page of it, unless that is already being done.
func (s *Server) renewBehind(ctx context.Context) {
	if !s.renewing.TryLock() {
		return
	}
	asOf := s.changes.Load()
	s.work.Go(func() {
		defer s.renewing.Unlock()
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), renewTime, fmt.Errorf("no summary within %s", renewTime))
		defer cancel()
		v, err := s.summarize(ctx)
		if err == nil {
			_, err = s.page.render(s, v)
		}
		if err == nil {
			_, err = s.encoded.of(v)
		}
		if err != nil {
			s.forget() // the next reader makes one itself and is told what is wrong
			return
		}
		s.keep(v, asOf)
	})
}

func (s *Server) keptSummary() (*Status, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept, s.now().Sub(s.keptAt)
}

// keep keeps a summary, unless something was changed since it was begun.
func (s *Server) keep(v *Status, asOf uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes.Load() == asOf {
		s.kept, s.keptAt = v, s.now()
	}
}

// forget makes the next summary a new one.
func (s *Server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes.Add(1)
	s.kept = nil
}
