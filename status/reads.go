package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// Jobs, Services, … are the answers that hold a list: an object, so that something can be added beside it.
type (
	Jobs struct {
		Jobs []Job `json:"jobs"`
	}
	Services struct {
		Services []Service `json:"services"`
	}
	Restores struct {
		Restores []Restore `json:"restores"`
		Next     string    `json:"next,omitempty"`
	}
	Problems struct {
		Problems []Problem `json:"problems"`
	}
	Events struct {
		Events []Event `json:"events"`
		Next   string  `json:"next,omitempty"`
	}
	Targets struct {
		Targets []TargetView `json:"targets"`
	}
)

// serveStatus writes the summary as it is kept: encoding that of a thousand jobs costs more than all the rest.
func serveStatus(s *Server, trusted bool) http.Handler {
	return s.serveJSON(http.StatusOK, func(s *Server, r *http.Request) (any, error) {
		if err := onlyKnown(r.URL.Query()); err != nil {
			return nil, err
		}
		v, err := s.summary(r.Context(), trusted)
		if err != nil {
			return nil, err
		}
		return s.encoded.of(v)
	})
}

// encoding keeps the JSON of the last summary.
type encoding struct {
	mu   sync.Mutex
	what *Status
	kept encodedJSON
}

// encodedJSON is an answer that is JSON already.
type encodedJSON []byte

func (e *encoding) of(v *Status) (encodedJSON, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.what == v {
		return e.kept, nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the summary: %w", err)
	}
	e.what, e.kept = v, body
	return e.kept, nil
}

func getServices(s *Server, r *http.Request) (any, error) {
	if err := onlyKnown(r.URL.Query()); err != nil {
		return nil, err
	}
	services, err := s.serviceViews(r.Context())
	return Services{Services: services}, err
}

func getJobs(s *Server, r *http.Request) (any, error) {
	q := r.URL.Query()
	if err := onlyKnown(q, "all"); err != nil {
		return nil, err
	}
	all := q.Get("all")
	if all != "" && all != "true" && all != "false" {
		return nil, badRequest("all %q: write true or false", all)
	}
	jobs, err := s.jobViews(r.Context(), all == "true", s.runner.Health(r.Context()))
	return Jobs{Jobs: jobs}, err
}

func getJob(s *Server, r *http.Request) (any, error) {
	id := jobID(r)
	jobs, err := s.jobViews(r.Context(), true, s.runner.Health(r.Context()))
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return nil, notFound("job %s: no such job; /api/jobs?all=true lists them", id)
}

func jobID(r *http.Request) string {
	return r.PathValue("project") + "/" + r.PathValue("service") + "/" + r.PathValue("job")
}

func getRuns(s *Server, r *http.Request) (any, error) {
	f, err := readFilter(r, "project", "service", "job", "state", "trigger", "group_run", "since", "until", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	runs, next, err := s.store.Runs(r.Context(), f)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	v := Runs{Runs: make([]Run, 0, len(runs)), Next: next}
	for _, run := range runs {
		v.Runs = append(v.Runs, runView(run))
	}
	return v, nil
}

func getRun(s *Server, r *http.Request) (any, error) { return s.run(r.Context(), r.PathValue("id")) }

func (s *Server) run(ctx context.Context, id string) (Run, error) {
	run, err := s.store.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return Run{}, notFound("run %s: no such run; /api/runs lists them", id)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run %s: %w", id, err)
	}
	return runView(run), nil
}

func getRunProgress(s *Server, r *http.Request) (any, error) {
	run, err := s.run(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v := Progress{ID: run.ID, State: run.State, Done: ended(run.State), Error: run.Error}
	v.Progress, _ = s.runner.Progress(run.ID)
	if v.Done {
		v.Progress = runner.Progress{Phase: run.State, RawBytes: run.RawBytes, StoredBytes: run.StoredBytes, Since: run.FinishedAt}
	}
	return v, nil
}

func getRestores(s *Server, r *http.Request) (any, error) {
	f, err := readFilter(r, "project", "service", "job", "state", "since", "until", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	restores, next, err := s.store.Restores(r.Context(), f)
	if err != nil {
		return nil, fmt.Errorf("read the restores: %w", err)
	}
	v := Restores{Restores: make([]Restore, 0, len(restores)), Next: next}
	for _, rs := range restores {
		v.Restores = append(v.Restores, restoreView(rs))
	}
	return v, nil
}

func getRestore(s *Server, r *http.Request) (any, error) {
	return s.restore(r.Context(), r.PathValue("id"))
}

func (s *Server) restore(ctx context.Context, id string) (Restore, error) {
	rs, err := s.store.Restore(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return Restore{}, notFound("restore %s: no such restore; /api/restores lists them", id)
	}
	if err != nil {
		return Restore{}, fmt.Errorf("read restore %s: %w", id, err)
	}
	v := restoreView(rs)
	if rs.GroupRun == "" {
		return v, nil
	}
	parts, err := s.store.RestoreParts(ctx, id)
	if err != nil {
		return Restore{}, fmt.Errorf("read the parts of restore %s: %w", id, err)
	}
	for _, part := range parts {
		v.Parts = append(v.Parts, restoreView(part))
	}
	return v, nil
}

func getRestoreProgress(s *Server, r *http.Request) (any, error) {
	rs, err := s.restore(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v := Progress{ID: rs.ID, State: rs.State, Done: ended(rs.State), Error: rs.Error}
	v.Progress, _ = s.runner.Progress(rs.ID)
	if v.Done {
		v.Progress = runner.Progress{Phase: rs.State, RawBytes: rs.RawBytes, Since: rs.FinishedAt}
	}
	return v, nil
}

func getProblems(s *Server, r *http.Request) (any, error) {
	problems, err := s.problemViews(r.Context())
	return Problems{Problems: problems}, err
}

func (s *Server) problemViews(ctx context.Context) ([]Problem, error) {
	problems, err := s.store.Problems(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the problems: %w", err)
	}
	views := make([]Problem, 0, len(problems))
	for _, p := range problems {
		views = append(views, Problem{
			Severity: p.Severity, Project: p.Project, Service: p.Service, Job: p.Job, Label: p.Label, Value: p.Value,
			Why: p.Why, Suggestion: p.Suggestion, Since: p.Since,
		})
	}
	return views, nil
}

func getEvents(s *Server, r *http.Request) (any, error) {
	f, err := readFilter(r, "project", "service", "job", "kind", "since", "until", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	events, next, err := s.store.Events(r.Context(), f)
	if err != nil {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	v := Events{Events: make([]Event, 0, len(events)), Next: next}
	for _, e := range events {
		v.Events = append(v.Events, Event{
			ID: e.ID, At: e.At, Actor: e.Actor, Kind: e.Kind, Project: e.Project, Service: e.Service, Job: e.Job,
			Run: e.RunID, Text: e.Text,
		})
	}
	return v, nil
}

func getPlan(s *Server, r *http.Request) (any, error) {
	v, err := s.runner.PlanView(r.Context())
	v.Next, v.Prune = list(v.Next), list(v.Prune)
	return v, err
}

func getDBStatus(s *Server, r *http.Request) (any, error) { return s.store.DBStatus(r.Context()) }
