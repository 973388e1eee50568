package status

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// GroupRun is one restore point of a group: the runs of its members, made together.
type GroupRun struct {
	ID           string    `json:"id"`
	Instance     string    `json:"instance"`
	Project      string    `json:"project"`
	Group        string    `json:"group"`
	Trigger      string    `json:"trigger"`
	State        string    `json:"state"`
	Cause        string    `json:"cause,omitempty"`
	Error        string    `json:"error,omitempty"`
	ScheduledFor time.Time `json:"scheduled_for,omitzero"`
	QueuedAt     time.Time `json:"queued_at"`
	StartedAt    time.Time `json:"started_at,omitzero"`
	HeldAt       time.Time `json:"held_at,omitzero"` // from then until released_at containers were stopped or paused
	ReleasedAt   time.Time `json:"released_at,omitzero"`
	FinishedAt   time.Time `json:"finished_at,omitzero"`
	DurationMS   int64     `json:"duration_ms"`
	HeldMS       int64     `json:"held_ms,omitempty"`
	StoredBytes  int64     `json:"stored_bytes"`      // of all members
	Refused      []string  `json:"refused,omitempty"` // declared members that a problem with their labels keeps out
	Warnings     []string  `json:"warnings,omitempty"`
	Runs         []Run     `json:"runs"` // of the members, by job
}

// GroupRuns is one page of group runs, newest first.
type GroupRuns struct {
	Groups []GroupRun `json:"groups"`
	Next   string     `json:"next,omitempty"`
}

// Group is a declared group and how its last run went.
type Group struct {
	Name     string    `json:"name"`
	Jobs     []string  `json:"jobs"`
	Refused  []string  `json:"refused,omitempty"`
	LastRun  *LastRun  `json:"last_run,omitempty"` // the newest that was not skipped
	LastGood time.Time `json:"last_good,omitzero"` // when its newest whole restore point was taken
	GoodRun  string    `json:"good_run,omitempty"` // its group run
	Restore  string    `json:"restore,omitempty"`  // the command that brings it back
}

func groupRunView(g store.GroupRun, runs []store.Run) GroupRun {
	v := GroupRun{
		ID: g.ID, Instance: g.Instance, Project: g.Project, Group: g.Name, Trigger: g.Trigger, State: g.State, Cause: g.Cause, Error: g.Error,
		ScheduledFor: g.ScheduledFor, QueuedAt: g.QueuedAt, StartedAt: g.StartedAt, HeldAt: g.HeldAt, ReleasedAt: g.ReleasedAt,
		FinishedAt: g.FinishedAt, DurationMS: span(g.StartedAt, g.FinishedAt), HeldMS: span(g.HeldAt, g.ReleasedAt), Refused: g.Refused,
		Warnings: g.Warnings, Runs: make([]Run, 0, len(runs)),
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, runView(r))
		v.StoredBytes += r.StoredBytes
	}
	return v
}

// groupRun reads one group run with the runs of its members.
func (s *Server) groupRun(ctx context.Context, id string) (GroupRun, error) {
	g, err := s.store.GroupRun(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return GroupRun{}, notFound("group run %s: no such group run; /api/groups lists them", id)
	}
	if err != nil {
		return GroupRun{}, fmt.Errorf("read group run %s: %w", id, err)
	}
	return s.withMembers(ctx, g)
}

func (s *Server) withMembers(ctx context.Context, g store.GroupRun) (GroupRun, error) {
	runs, err := s.store.GroupMembers(ctx, g.ID)
	if err != nil {
		return GroupRun{}, fmt.Errorf("read the runs of group run %s: %w", g.ID, err)
	}
	return groupRunView(g, runs), nil
}

// lastRuns is how many runs of a group are looked at for the last one that counts: skipped ones and safety backups do not.
const lastRuns = 20

// groupView joins what labels say of a group with what the record says.
func (s *Server) groupView(ctx context.Context, g runner.Group) (Group, error) {
	v := Group{Name: g.Name, Jobs: []string{}, Refused: g.Refused}
	for _, job := range g.Jobs {
		v.Jobs = append(v.Jobs, job.ID())
	}
	rows, _, err := s.store.GroupRuns(ctx, store.Filter{Project: g.Project, Group: g.Name, Limit: lastRuns})
	if err != nil {
		return v, fmt.Errorf("read the runs of the group %s/%s: %w", g.Project, g.Name, err)
	}
	for _, row := range rows {
		if row.State == store.Skipped || row.Trigger == "safety" {
			continue
		}
		if v.LastRun == nil {
			v.LastRun = &LastRun{
				ID: row.ID, State: row.State, Cause: row.Cause, Error: row.Error, QueuedAt: row.QueuedAt, FinishedAt: row.FinishedAt,
				DurationMS: span(row.StartedAt, row.FinishedAt),
			}
		}
		if row.State == store.Succeeded {
			v.LastGood, v.GoodRun = row.StartedAt, row.ID
			v.Restore = "simpledeploy-backup restore " + row.Project + " --group " + row.ID
			break
		}
	}
	return v, nil
}
