package status

import (
	"fmt"
	"net/http"

	"github.com/simpledeploy/backup/runner"
)

func groupRoutes(paging string) []route {
	return []route{
		{Method: "GET", Path: "/api/groups", Access: read, Query: "`project`, `group` (its name), `state`, `trigger`, `since`, `until` (RFC 3339), " + paging,
			Answer: "`{\"groups\": [GroupRun], \"next\": cursor}`", Doc: "Group runs, newest first: each is one restore point.", answer: getGroups},
		{Method: "GET", Path: "/api/groups/{id}", Access: read, Answer: "GroupRun", Doc: "One group run with the runs of its members.", answer: getGroup},
		{Method: "GET", Path: "/api/groups/{id}/progress", Access: read, Answer: "Progress", Doc: "How far a group run is.", answer: getGroupProgress},
	}
}

func groupWriteRoutes() []route {
	const body = "`{\"project\", \"from\", \"instance\", \"to_project\", \"incomplete\", \"no_safety\"}`"
	return []route{
		{Method: "POST", Path: "/api/groups/{id}/restore", Access: write, Body: body, Answer: "202 `{\"restore\": id}`",
			Doc: "Restores all members of a group run together.", answer: postGroupRestore},
		{Method: "POST", Path: "/api/groups/{id}/restore/plan", Access: write, Body: body, Answer: "GroupRestorePlan",
			Doc: "What that restore would do. Changes nothing.", answer: postGroupRestorePlan},
	}
}

func getGroups(s *Server, r *http.Request) (any, error) {
	f, err := readFilter(r, "project", "group", "state", "trigger", "since", "until", "limit", "cursor")
	if err != nil {
		return nil, err
	}
	rows, next, err := s.store.GroupRuns(r.Context(), f)
	if err != nil {
		return nil, fmt.Errorf("read the group runs: %w", err)
	}
	v := GroupRuns{Groups: make([]GroupRun, 0, len(rows)), Next: next}
	for _, row := range rows {
		g, err := s.withMembers(r.Context(), row)
		if err != nil {
			return nil, err
		}
		v.Groups = append(v.Groups, g)
	}
	return v, nil
}

func getGroup(s *Server, r *http.Request) (any, error) {
	return s.groupRun(r.Context(), r.PathValue("id"))
}

func getGroupProgress(s *Server, r *http.Request) (any, error) {
	g, err := s.groupRun(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v := Progress{ID: g.ID, State: g.State, Done: ended(g.State), Error: g.Error}
	v.Progress, _ = s.runner.Progress(g.ID)
	v.RawBytes, v.StoredBytes, v.ExpectedBytes = 0, 0, 0
	for _, run := range g.Runs { // those that are at work tell more than the record
		now, working := s.runner.Progress(run.ID)
		if !working {
			now = runner.Progress{RawBytes: run.RawBytes, StoredBytes: run.StoredBytes, ExpectedBytes: run.RawBytes}
		}
		v.RawBytes += now.RawBytes
		v.StoredBytes += now.StoredBytes
		v.ExpectedBytes += now.ExpectedBytes
	}
	if v.Done {
		v.Phase, v.Since, v.ExpectedBytes = g.State, g.FinishedAt, 0
	}
	return v, nil
}

// GroupRestoreRequest says how a group run goes back.
type GroupRestoreRequest struct {
	Project    string `json:"project,omitempty"`    // where it is of; another one is refused
	From       string `json:"from,omitempty"`       // read this target's manifests instead of the record; needs project
	Instance   string `json:"instance,omitempty"`   // with from: another host's folder
	ToProject  string `json:"to_project,omitempty"` // into the services of the same names there
	Incomplete bool   `json:"incomplete,omitempty"` // restore what there is of a group run that lacks a member
	NoSafety   bool   `json:"no_safety,omitempty"`  // do not back up first what is there now
}

func readGroupRestore(r *http.Request) (runner.GroupRestoreRequest, error) {
	var req GroupRestoreRequest
	if err := readJSON(r, &req); err != nil {
		return runner.GroupRestoreRequest{}, err
	}
	if req.Instance != "" && req.From == "" {
		return runner.GroupRestoreRequest{}, badRequest("restore: instance needs from, the target to read")
	}
	return runner.GroupRestoreRequest{
		GroupRun: r.PathValue("id"), Project: req.Project, From: req.From, Instance: req.Instance, ToProject: req.ToProject, Incomplete: req.Incomplete, NoSafety: req.NoSafety,
	}, nil
}

func postGroupRestore(s *Server, r *http.Request) (any, error) {
	req, err := readGroupRestore(r)
	if err != nil {
		return nil, err
	}
	id, err := s.runner.StartGroupRestore(r.Context(), req)
	return RestoreID{Restore: id}, err
}

func postGroupRestorePlan(s *Server, r *http.Request) (any, error) {
	req, err := readGroupRestore(r)
	if err != nil {
		return nil, err
	}
	plan, err := s.runner.PlanGroupRestore(r.Context(), req)
	plan.Members = list(plan.Members)
	return plan, err
}
