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
	views, err := s.targetViews(r.Context())
	return Targets{Targets: views}, err
}

func (s *Server) targetViews(ctx context.Context) ([]TargetView, error) {
	due, err := s.store.DueArtifacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the copies that are due: %w", err)
	}
	jobs := map[string][]string{}
	for _, j := range s.runner.Snapshot().Jobs {
		for _, name := range j.Targets {
			jobs[name] = append(jobs[name], j.ID())
		}
	}
	views := make([]TargetView, 0, len(s.targets))
	for _, t := range s.targets {
		views = append(views, targetView(ctx, t, list(jobs[t.Name()]), due))
	}
	return views, nil
}

// targetView asks only a local target for its free space: that costs one system call.
func targetView(ctx context.Context, t Target, jobs []string, due []store.Artifact) TargetView {
	v := TargetView{Name: t.Name(), Local: t.Local(), Jobs: jobs}
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
