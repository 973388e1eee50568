package status

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// Query chooses rows of a list; what is empty does not choose. A list ignores what does not fit it.
type Query struct {
	Project, Service, Job string
	State, Trigger, Kind  string
	Group, GroupRun       string // the name of a group, for its runs; the id of one of those, for the runs of its members
	Since, Until          time.Time
	Limit                 int
	Cursor                string
}

func (q Query) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"project": q.Project, "service": q.Service, "job": q.Job, "state": q.State, "trigger": q.Trigger, "kind": q.Kind,
		"group": q.Group, "group_run": q.GroupRun,
		"cursor": q.Cursor,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.Format(time.RFC3339))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// path joins escaped parts: "a", "b/c" is "/a/b%2Fc".
func path(parts ...string) string {
	var p string
	for _, part := range parts {
		p += "/" + url.PathEscape(part)
	}
	return p
}

// Alive asks whether the server answers at all.
func (c *Client) Alive(ctx context.Context) (Alive, error) {
	return get[Alive](ctx, c, "/healthz", nil)
}

// Ready asks whether engine and record are there.
func (c *Client) Ready(ctx context.Context) (Ready, error) { return get[Ready](ctx, c, "/readyz", nil) }

// Health asks for health with its reasons.
func (c *Client) Health(ctx context.Context) (runner.Health, error) {
	return get[runner.Health](ctx, c, "/api/health", nil)
}

// Status asks for the summary, as it is now.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/api/status", nil)
}

// Services asks for every service seen.
func (c *Client) Services(ctx context.Context) (Services, error) {
	return get[Services](ctx, c, "/api/services", nil)
}

// Jobs asks for the declared jobs; with all, for the absent ones too.
func (c *Client) Jobs(ctx context.Context, all bool) (Jobs, error) {
	q := url.Values{}
	if all {
		q.Set("all", "true")
	}
	return get[Jobs](ctx, c, "/api/jobs", q)
}

// Job asks for one job.
func (c *Client) Job(ctx context.Context, project, service, job string) (Job, error) {
	return get[Job](ctx, c, path("api", "jobs", project, service, job), nil)
}

// Runs asks for one page of runs, newest first.
func (c *Client) Runs(ctx context.Context, q Query) (Runs, error) {
	q.Kind, q.Group = "", ""
	return get[Runs](ctx, c, "/api/runs", q.values())
}

// Run asks for one run.
func (c *Client) Run(ctx context.Context, id string) (Run, error) {
	return get[Run](ctx, c, path("api", "runs", id), nil)
}

// RunProgress asks how far a run is.
func (c *Client) RunProgress(ctx context.Context, id string) (Progress, error) {
	return get[Progress](ctx, c, path("api", "runs", id, "progress"), nil)
}

// Restores asks for one page of restores, newest first.
func (c *Client) Restores(ctx context.Context, q Query) (Restores, error) {
	q.Kind, q.Trigger, q.Group, q.GroupRun = "", "", "", ""
	return get[Restores](ctx, c, "/api/restores", q.values())
}

// Restore asks for one restore.
func (c *Client) Restore(ctx context.Context, id string) (Restore, error) {
	return get[Restore](ctx, c, path("api", "restores", id), nil)
}

// RestoreProgress asks how far a restore is.
func (c *Client) RestoreProgress(ctx context.Context, id string) (Progress, error) {
	return get[Progress](ctx, c, path("api", "restores", id, "progress"), nil)
}

// Targets asks for the configured targets.
func (c *Client) Targets(ctx context.Context) (Targets, error) {
	return get[Targets](ctx, c, "/api/targets", nil)
}

// Problems asks for problems and warnings.
func (c *Client) Problems(ctx context.Context) (Problems, error) {
	return get[Problems](ctx, c, "/api/problems", nil)
}

// Events asks for one page of the feed, newest first.
func (c *Client) Events(ctx context.Context, q Query) (Events, error) {
	q.State, q.Trigger, q.Group, q.GroupRun = "", "", "", ""
	return get[Events](ctx, c, "/api/events", q.values())
}

// Plan asks what will happen next.
func (c *Client) Plan(ctx context.Context) (runner.PlanView, error) {
	return get[runner.PlanView](ctx, c, "/api/plan", nil)
}

// DBStatus asks for the record's own state.
func (c *Client) DBStatus(ctx context.Context) (store.DBStatus, error) {
	return get[store.DBStatus](ctx, c, "/api/db/status", nil)
}
