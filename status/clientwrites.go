package status

import (
	"context"
	"time"

	"github.com/simpledeploy/backup/runner"
)

// StartRun queues every job that matches; an empty service or job means all of them.
func (c *Client) StartRun(ctx context.Context, req runner.RunRequest) (RunIDs, error) {
	at := path("api", "projects", req.Project, "run")
	switch {
	case req.Job != "":
		at = path("api", "jobs", req.Project, req.Service, req.Job, "run")
	case req.Service != "":
		at = path("api", "services", req.Project, req.Service, "run")
	}
	return post[RunIDs](ctx, c, at, RunOptions{Keep: req.Keep, Group: req.Group})
}

// Keep pins a run's backup.
func (c *Client) Keep(ctx context.Context, runID string) (Run, error) {
	return post[Run](ctx, c, path("api", "runs", runID, "keep"), nil)
}

// Unpin gives a pinned backup back to retention.
func (c *Client) Unpin(ctx context.Context, runID string) (Run, error) {
	return post[Run](ctx, c, path("api", "runs", runID, "unpin"), nil)
}

// StartRestore begins a restore, which goes on by itself.
func (c *Client) StartRestore(ctx context.Context, req RestoreRequest) (RestoreID, error) {
	return post[RestoreID](ctx, c, "/api/restores", req)
}

// PlanRestore says what a restore would do.
func (c *Client) PlanRestore(ctx context.Context, req RestoreRequest) (runner.RestorePlan, error) {
	return post[runner.RestorePlan](ctx, c, "/api/restores/plan", req)
}

// Prune applies retention now.
func (c *Client) Prune(ctx context.Context, req PruneRequest) (Pruned, error) {
	return post[Pruned](ctx, c, "/api/prune", req)
}

// Pause holds the schedule back until then.
func (c *Client) Pause(ctx context.Context, until time.Time) (runner.Health, error) {
	return post[runner.Health](ctx, c, "/api/pause", PauseRequest{Until: until})
}

// PauseFor holds the schedule back for a while: "2h", "1d".
func (c *Client) PauseFor(ctx context.Context, span string) (runner.Health, error) {
	return post[runner.Health](ctx, c, "/api/pause", PauseRequest{For: span})
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context) (runner.Health, error) {
	return post[runner.Health](ctx, c, "/api/resume", nil)
}

// TestTarget asks a target whether it answers.
func (c *Client) TestTarget(ctx context.Context, name string) (TargetTest, error) {
	return post[TargetTest](ctx, c, path("api", "targets", name, "test"), nil)
}

// Adopt takes over the folder of this instance on a target.
func (c *Client) Adopt(ctx context.Context, name string) (Adopted, error) {
	return post[Adopted](ctx, c, path("api", "targets", name, "adopt"), nil)
}
