package status

import (
	"context"

	"github.com/simpledeploy/backup/runner"
)

// GroupRuns asks for one page of group runs, newest first.
func (c *Client) GroupRuns(ctx context.Context, q Query) (GroupRuns, error) {
	q.Service, q.Job, q.Kind, q.GroupRun = "", "", "", ""
	return get[GroupRuns](ctx, c, "/api/groups", q.values())
}

// GroupRun asks for one group run.
func (c *Client) GroupRun(ctx context.Context, id string) (GroupRun, error) {
	return get[GroupRun](ctx, c, path("api", "groups", id), nil)
}

// GroupProgress asks how far a group run is.
func (c *Client) GroupProgress(ctx context.Context, id string) (Progress, error) {
	return get[Progress](ctx, c, path("api", "groups", id, "progress"), nil)
}

// StartGroupRestore begins the restore of a group run, which goes on by itself.
func (c *Client) StartGroupRestore(ctx context.Context, id string, req GroupRestoreRequest) (RestoreID, error) {
	return post[RestoreID](ctx, c, path("api", "groups", id, "restore"), req)
}

// PlanGroupRestore says what that would do.
func (c *Client) PlanGroupRestore(ctx context.Context, id string, req GroupRestoreRequest) (runner.GroupRestorePlan, error) {
	return post[runner.GroupRestorePlan](ctx, c, path("api", "groups", id, "restore", "plan"), req)
}
