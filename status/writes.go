package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

type actorKey struct{}

// markActor remembers through which door a request came.
func markActor(trusted bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, trusted)))
	})
}

func fromSocket(ctx context.Context) bool {
	trusted, _ := ctx.Value(actorKey{}).(bool)
	return trusted
}

// RunOptions is the body of a request for runs.
type RunOptions struct {
	Keep  bool   `json:"keep,omitempty"`  // pin the backups
	Group string `json:"group,omitempty"` // of a project: only the jobs of this group
}

// RunIDs names the runs that were queued.
type RunIDs struct {
	Runs   []string `json:"runs"`
	Groups []string `json:"groups,omitempty"` // the group runs that some of them are part of
}

func postRun(s *Server, r *http.Request) (any, error) {
	var opt RunOptions
	if err := readJSON(r, &opt); err != nil {
		return nil, err
	}
	if opt.Group != "" && r.PathValue("service") != "" {
		return nil, badRequest("run: a group is of a project; one of its jobs runs by itself")
	}
	ids, err := s.runner.Trigger(r.Context(), runner.RunRequest{
		Project: r.PathValue("project"), Service: r.PathValue("service"), Job: r.PathValue("job"), Group: opt.Group, Keep: opt.Keep,
	})
	if err != nil {
		return nil, err
	}
	return s.withGroups(r.Context(), ids)
}

// withGroups names the group runs of what was queued.
func (s *Server) withGroups(ctx context.Context, ids []string) (RunIDs, error) {
	v := RunIDs{Runs: list(ids)}
	for _, id := range ids {
		run, err := s.store.Run(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return v, fmt.Errorf("read run %s: %w", id, err)
		}
		if run.GroupRun != "" && !slices.Contains(v.Groups, run.GroupRun) {
			v.Groups = append(v.Groups, run.GroupRun)
		}
	}
	return v, nil
}

func postKeep(s *Server, r *http.Request) (any, error) { return s.pin(r, true) }

func postUnpin(s *Server, r *http.Request) (any, error) { return s.pin(r, false) }

func (s *Server) pin(r *http.Request, pinned bool) (any, error) {
	ctx := r.Context()
	run, err := s.run(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if pinned && ended(run.State) && run.State != store.Succeeded && run.State != store.Partial {
		return nil, &runner.RefusedError{Why: fmt.Sprintf("run %s is %s: there is no backup to keep", run.ID, run.State)}
	}
	if err := s.store.SetPinned(ctx, run.ID, pinned); err != nil {
		return nil, fmt.Errorf("pin run %s: %w", run.ID, err)
	}
	kind, text := "pin", "backup is kept until it is unpinned"
	if !pinned {
		kind, text = "unpin", "backup is given back to retention"
	}
	err = s.store.AppendEvent(ctx, store.Event{
		At: s.now(), Actor: actor(ctx), Kind: kind, Project: run.Project, Service: run.Service, Job: run.Job,
		RunID: run.ID, Text: text,
	})
	if err != nil {
		return nil, fmt.Errorf("record that run %s was pinned: %w", run.ID, err)
	}
	return s.run(ctx, run.ID)
}

// actor names the door for the feed of events.
func actor(ctx context.Context) string {
	if fromSocket(ctx) {
		return "cli"
	}
	return "api"
}

// PruneRequest says what to prune: one job, or all; with Absent, only jobs that nothing declares any more.
type PruneRequest struct {
	Job    string `json:"job,omitempty"`
	Absent bool   `json:"absent,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// Pruned is what pruning did, or would do.
type Pruned struct {
	Prune []runner.PruneResult `json:"prune"`
}

func postPrune(s *Server, r *http.Request) (any, error) {
	var req PruneRequest
	if err := readJSON(r, &req); err != nil {
		return nil, err
	}
	results, err := s.runner.Prune(r.Context(), req.Job, req.Absent, req.DryRun)
	return Pruned{Prune: list(results)}, err
}

// PauseRequest says until when, or for how long, nothing starts by schedule.
type PauseRequest struct {
	Until time.Time `json:"until,omitzero"`
	For   string    `json:"for,omitempty"` // "2h", "1d"
}

func postPause(s *Server, r *http.Request) (any, error) {
	var req PauseRequest
	if err := readJSON(r, &req); err != nil {
		return nil, err
	}
	until := req.Until
	switch {
	case req.For != "" && !req.Until.IsZero():
		return nil, badRequest("pause: write until or for, not both")
	case req.For != "":
		d, err := labels.ParseDuration(req.For)
		if err != nil {
			return nil, badRequest("pause: for %q: %v", req.For, err)
		}
		until = s.now().Add(d)
	case req.Until.IsZero():
		return nil, badRequest(`pause: write how long, {"for": "2h"}, or until when, {"until": "2026-11-21T12:00:00Z"}`)
	}
	if !until.After(s.now()) {
		return nil, badRequest("pause: %s is not in the future", until.UTC().Format(time.RFC3339))
	}
	if err := s.runner.Pause(r.Context(), until.UTC()); err != nil {
		return nil, fmt.Errorf("pause: %w", err)
	}
	return s.runner.Health(r.Context()), nil
}

func postResume(s *Server, r *http.Request) (any, error) {
	if err := s.runner.Resume(r.Context()); err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	return s.runner.Health(r.Context()), nil
}
