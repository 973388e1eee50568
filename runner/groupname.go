package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// nameGroupRun puts the newest whole group run in the place of a group's name. An id stays what it is.
func (r *Runner) nameGroupRun(ctx context.Context, req GroupRestoreRequest) (GroupRestoreRequest, error) {
	if _, err := store.IDTime(req.GroupRun); err == nil && strings.HasPrefix(req.GroupRun, "0") {
		return req, nil
	}
	if req.Project == "" {
		return req, &RefusedError{Why: fmt.Sprintf("%q is the name of a group and not an id: name its project, too", req.GroupRun)}
	}
	find := r.newestRecorded
	if req.From != "" {
		find = r.newestOnTarget
	}
	id, err := find(ctx, req)
	req.GroupRun = id
	return req, err
}

// newestRecorded is the newest run of the group in the record of whose every member a backup is held.
func (r *Runner) newestRecorded(ctx context.Context, req GroupRestoreRequest) (string, error) {
	f := store.Filter{Project: req.Project, Group: req.GroupRun}
	for {
		rows, next, err := r.cfg.Store.GroupRuns(ctx, f)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			whole, err := r.isWhole(ctx, row)
			if err != nil || whole {
				return row.ID, err
			}
		}
		if next == "" {
			return "", &NotFoundError{What: fmt.Sprintf("the record has no whole group run of %q in %s; `history %s --groups` lists all of them, `--from TARGET` reads a target instead",
				req.GroupRun, req.Project, req.Project)}
		}
		f.Cursor = next
	}
}

// isWhole says whether a group run can be restored as a whole, as far as the record knows.
func (r *Runner) isWhole(ctx context.Context, row store.GroupRun) (bool, error) {
	if row.Trigger == triggerSafety || len(row.Refused) > 0 || row.State != store.Succeeded && row.State != store.Partial {
		return false, nil
	}
	runs, err := r.cfg.Store.GroupMembers(ctx, row.ID)
	lost := func(run store.Run) bool { return !slices.ContainsFunc(run.Artifacts, store.Artifact.Held) }
	return err == nil && len(runs) > 0 && !slices.ContainsFunc(runs, lost), err
}

// newestOnTarget is the newest run of the group of whose every member the target holds a manifest. Runs of a group
// follow one another, so that the first one that is complete, read from the newest manifest on, is the newest.
func (r *Runner) newestOnTarget(ctx context.Context, req GroupRestoreRequest) (string, error) {
	t, ok := r.cfg.Targets.Get(req.From)
	if !ok {
		return "", &NotFoundError{What: fmt.Sprintf("no target %s; there are: %s", req.From, strings.Join(r.cfg.Targets.Names(), ", "))}
	}
	folder := listingFolder(Selector{Instance: r.instanceOf(req), Project: req.Project})
	keys, err := manifestsBelow(ctx, t, folder)
	if err != nil {
		return "", err
	}
	seen := map[string][]target.Manifest{}
	for _, key := range keys {
		m, err := t.ReadManifest(ctx, key.String())
		switch {
		case ctx.Err() != nil:
			return "", fmt.Errorf("read the manifests below %s: %w", folder, context.Cause(ctx))
		case err != nil, m.Group != req.GroupRun, m.Project != req.Project, m.GroupRun == "", len(m.GroupMembers) == 0, m.Trigger == triggerSafety:
			continue // a group run that lacks this manifest is not whole
		}
		seen[m.GroupRun] = append(seen[m.GroupRun], m)
		if len(missingMembers(seen[m.GroupRun])) == 0 {
			return m.GroupRun, nil
		}
	}
	return "", &NotFoundError{What: fmt.Sprintf("target %s has no whole group run of %q below %s; `history %s --groups --from %s` lists all of them. Is the instance the name of the host that wrote it?",
		t.Name(), req.GroupRun, folder, req.Project, t.Name())}
}
