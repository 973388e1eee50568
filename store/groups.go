package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const groupColumns = `id, instance, project, name, trigger, state, cause, error, scheduled_for, queued_at, started_at, held_at, released_at,
	finished_at, refused, warnings`

const groupMarks = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

func groupValues(g GroupRun) []any {
	return []any{
		g.ID, g.Instance, g.Project, g.Name, g.Trigger, g.State, g.Cause, g.Error, millis(g.ScheduledFor), millis(g.QueuedAt),
		millis(g.StartedAt), millis(g.HeldAt), millis(g.ReleasedAt), millis(g.FinishedAt), list(g.Refused), list(g.Warnings),
	}
}

func scanGroup(row scanner) (g GroupRun, err error) {
	return g, row.Scan(&g.ID, &g.Instance, &g.Project, &g.Name, &g.Trigger, &g.State, &g.Cause, &g.Error, timeColumn{&g.ScheduledFor},
		timeColumn{&g.QueuedAt}, timeColumn{&g.StartedAt}, timeColumn{&g.HeldAt}, timeColumn{&g.ReleasedAt}, timeColumn{&g.FinishedAt},
		listColumn{&g.Refused}, listColumn{&g.Warnings})
}

// CreateGroupRun writes a new group run with the runs of its members, all or nothing. An empty Instance is this one, a
// zero QueuedAt is now; each run gets the group run's id.
func (s *Store) CreateGroupRun(ctx context.Context, g GroupRun, runs []Run) error {
	if g.ID == "" || g.Project == "" || g.Name == "" || g.State == "" {
		return s.fail("write group run", errors.New("a group run needs id, project, name and state"))
	}
	if g.Instance == "" {
		g.Instance = s.instance
	}
	g.QueuedAt = orNow(g.QueuedAt, s.now())
	return s.tx(ctx, "write group run "+g.ID, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO group_runs ("+groupColumns+") VALUES ("+groupMarks+")", groupValues(g)...); err != nil {
			return err
		}
		for _, r := range runs {
			r.GroupRun = g.ID
			if err := s.insertRun(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// UpdateGroupRun writes the whole row of a group run, but its id, instance, project and name, which never change.
func (s *Store) UpdateGroupRun(ctx context.Context, g GroupRun) error {
	verb := "write group run " + g.ID
	n, err := s.exec(ctx, verb, `UPDATE group_runs SET state = ?, cause = ?, error = ?, started_at = ?, held_at = ?, released_at = ?,
		finished_at = ?, refused = ?, warnings = ? WHERE id = ?`, g.State, g.Cause, g.Error, millis(g.StartedAt), millis(g.HeldAt),
		millis(g.ReleasedAt), millis(g.FinishedAt), list(g.Refused), list(g.Warnings), g.ID)
	if err == nil && n == 0 {
		err = s.fail(verb, ErrNotFound)
	}
	return err
}

// GroupRun reads one group run.
func (s *Store) GroupRun(ctx context.Context, id string) (GroupRun, error) {
	g, err := one(ctx, s.read, scanGroup, "SELECT "+groupColumns+" FROM group_runs WHERE id = ?", id)
	return g, s.fail("read group run "+id, err)
}

const runsOfGroup = "SELECT " + runColumns + " FROM runs WHERE group_run = ? AND group_run <> '' ORDER BY project, service, job, id"

// GroupMembers lists the runs of a group run by job, with their artifacts.
func (s *Store) GroupMembers(ctx context.Context, id string) ([]Run, error) {
	runs, err := collect(ctx, s.read, scanRun, runsOfGroup, id)
	if err != nil {
		return nil, s.fail("read the runs of group run "+id, err)
	}
	return runs, s.loadArtifacts(ctx, runs)
}

// GroupRuns lists group runs, newest first, and the cursor of the next page.
func (s *Store) GroupRuns(ctx context.Context, f Filter) ([]GroupRun, string, error) {
	query, args, err := f.groups()
	if err != nil {
		return nil, "", s.fail("list group runs", err)
	}
	all, err := collect(ctx, s.read, scanGroup, query, args...)
	if err != nil {
		return nil, "", s.fail("list group runs", err)
	}
	groups, next := page(all, f.limit(), func(g GroupRun) (time.Time, string) { return g.QueuedAt, g.ID })
	return groups, next, nil
}

func (f Filter) groups() (string, []any, error) {
	if f.Service != "" || f.Job != "" || f.Kind != "" || f.GroupRun != "" {
		return "", nil, fmt.Errorf("a group run has no service, job, kind or group run (%q)", f.Service+f.Job+f.Kind+f.GroupRun)
	}
	return f.list(groupColumns, "group_runs", "queued_at")
}

// The index is named because the planner takes the one of all group runs for as good.
const openGroups = "SELECT " + groupColumns + " FROM group_runs INDEXED BY group_runs_open WHERE state IN ('queued', 'running') ORDER BY queued_at, id"

// QueuedGroups lists the group runs that wait, oldest first.
func (s *Store) QueuedGroups(ctx context.Context) ([]GroupRun, error) {
	open, err := collect(ctx, s.read, scanGroup, openGroups)
	if err != nil {
		return nil, s.fail("read the queue of groups", err)
	}
	var queued []GroupRun
	for _, g := range open {
		if g.State == Queued {
			queued = append(queued, g)
		}
	}
	return queued, nil
}

// interruptGroups settles the group runs that the last process left: those under way become interrupted and are
// returned, those that waited become skipped unless somebody was told their id.
func (s *Store) interruptGroups(ctx context.Context, tx *sql.Tx, now time.Time) ([]GroupRun, error) {
	open, err := collect(ctx, tx, scanGroup, openGroups)
	if err != nil {
		return nil, err
	}
	var running []GroupRun
	for _, g := range open {
		switch {
		case g.State == Running:
			g.State, g.Cause, g.Error = Interrupted, "killed", "the appliance ended while the group run was under way"
			running = append(running, g)
		case g.Trigger == "manual":
			continue
		default:
			g.State, g.Cause, g.Error = Skipped, "killed", "the appliance ended before the group run began"
		}
		_, err := tx.ExecContext(ctx, "UPDATE group_runs SET state = ?, cause = ?, error = ?, finished_at = ? WHERE id = ?",
			g.State, g.Cause, g.Error, millis(now), g.ID)
		if err != nil {
			return nil, err
		}
	}
	return running, nil
}

// A group run stays as long as one of its runs.
const pruneGroups = `DELETE FROM group_runs WHERE id IN (SELECT id FROM group_runs g WHERE queued_at < ? AND state NOT IN ('queued', 'running')
	AND NOT EXISTS (SELECT 1 FROM runs WHERE group_run = g.id AND group_run <> '') LIMIT ?)`
