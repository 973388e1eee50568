package status

import (
	"net/http"
	"time"

	"github.com/simpledeploy/backup/runner"
)

// RestoreRequest says which backup goes where.
type RestoreRequest struct {
	Project   string    `json:"project,omitempty"`
	Service   string    `json:"service,omitempty"`
	Job       string    `json:"job,omitempty"`        // empty: the only one of the service
	Run       string    `json:"run,omitempty"`        // this backup; else the newest good one
	At        time.Time `json:"at,omitzero"`          // the newest one not after this moment
	From      string    `json:"from,omitempty"`       // read this target's manifests instead of the record
	Instance  string    `json:"instance,omitempty"`   // with from: another host's folder
	ToProject string    `json:"to_project,omitempty"` // empty: back to where it came from
	ToService string    `json:"to_service,omitempty"`
	NoSafety  bool      `json:"no_safety,omitempty"` // do not back up first what is there now
}

// RestoreID names a restore that was begun.
type RestoreID struct {
	Restore string `json:"restore"`
}

func (q RestoreRequest) request() (runner.RestoreRequest, error) {
	switch {
	case q.Project == "" || q.Service == "":
		return runner.RestoreRequest{}, badRequest("restore: name the project and the service")
	case q.Run != "" && !q.At.IsZero():
		return runner.RestoreRequest{}, badRequest("restore: name a run or a time, not both")
	case (q.ToProject == "") != (q.ToService == ""):
		return runner.RestoreRequest{}, badRequest("restore: to_project and to_service go together")
	case q.Instance != "" && q.From == "":
		return runner.RestoreRequest{}, badRequest("restore: instance needs from, the target to read")
	}
	return runner.RestoreRequest{
		Project: q.Project, Service: q.Service, Job: q.Job, RunID: q.Run, At: q.At, From: q.From,
		Instance: q.Instance, ToProject: q.ToProject, ToService: q.ToService, NoSafety: q.NoSafety,
	}, nil
}

func postRestore(s *Server, r *http.Request) (any, error) {
	var req RestoreRequest
	if err := readJSON(r, &req); err != nil {
		return nil, err
	}
	return s.startRestore(r, req)
}

func (s *Server) startRestore(r *http.Request, req RestoreRequest) (any, error) {
	order, err := req.request()
	if err != nil {
		return nil, err
	}
	id, err := s.runner.StartRestore(r.Context(), order)
	return RestoreID{Restore: id}, err
}

// postRunRestore fills in what the run already says; a body that says otherwise is refused.
func postRunRestore(s *Server, r *http.Request) (any, error) {
	run, err := s.run(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	req := RestoreRequest{Project: run.Project, Service: run.Service, Job: run.Job, Run: run.ID}
	if err := readJSON(r, &req); err != nil {
		return nil, err
	}
	if req.Run != run.ID || req.Project != run.Project || req.Service != run.Service || req.Job != run.Job {
		return nil, badRequest("restore: run %s is one of %s/%s/%s; the body names another", run.ID, run.Project, run.Service, run.Job)
	}
	return s.startRestore(r, req)
}

func postRestorePlan(s *Server, r *http.Request) (any, error) {
	var req RestoreRequest
	if err := readJSON(r, &req); err != nil {
		return nil, err
	}
	order, err := req.request()
	if err != nil {
		return nil, err
	}
	return s.runner.PlanRestore(r.Context(), order)
}
