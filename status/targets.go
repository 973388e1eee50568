package status

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/simpledeploy/backup/store"
)

// testTimeout bounds how long a target may think about whether it answers.
const testTimeout = 30 * time.Second

func getTargets(s *Server, r *http.Request) (any, error) {
	due, err := s.store.DueArtifacts(r.Context())
	if err != nil {
		return nil, fmt.Errorf("read the copies that are due: %w", err)
	}
	v := Targets{Targets: make([]TargetView, 0, len(s.targets))}
	for _, t := range s.targets {
		v.Targets = append(v.Targets, s.targetView(r.Context(), t, due))
	}
	return v, nil
}

// targetView asks only a local target for its free space: that costs one system call.
func (s *Server) targetView(ctx context.Context, t Target, due []store.Artifact) TargetView {
	v := TargetView{Name: t.Name(), Local: t.Local(), Jobs: []string{}}
	for _, j := range s.runner.Snapshot().Jobs {
		for _, name := range j.Targets {
			if name == v.Name {
				v.Jobs = append(v.Jobs, j.ID())
			}
		}
	}
	for _, a := range due {
		if a.Target == v.Name {
			v.Due++
			v.LastError = a.Error
		}
	}
	if v.Local {
		free, known, err := t.Free(ctx)
		if err != nil {
			v.LastError = err.Error()
		}
		if known && err == nil {
			v.FreeBytes = free
		}
	}
	return v
}

func postTargetTest(s *Server, r *http.Request) (any, error) {
	t, err := s.target(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), testTimeout, fmt.Errorf("no answer within %s", testTimeout))
	defer cancel()
	began := time.Now()
	err = t.Check(ctx)
	v := TargetTest{Name: t.Name(), OK: err == nil, DurationMS: time.Since(began).Milliseconds()}
	if err != nil {
		v.Error = err.Error()
	}
	return v, nil
}

func postAdopt(s *Server, r *http.Request) (any, error) {
	t, err := s.target(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if err := s.runner.Adopt(r.Context(), t.Name()); err != nil {
		return nil, fmt.Errorf("adopt target %s: %w", t.Name(), err)
	}
	return Adopted{Adopted: t.Name()}, nil
}

// Adopted names the target whose folder was taken over.
type Adopted struct {
	Adopted string `json:"adopted"`
}

func (s *Server) target(name string) (Target, error) {
	for _, t := range s.targets {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, notFound("target %s: not configured; /api/targets lists the targets", name)
}
