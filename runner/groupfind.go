package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// groupRunWindow is how long after its group run was queued a member's run may have begun.
const groupRunWindow = 7 * 24 * time.Hour

// groupOnTarget puts a group run together from the manifests on a target alone: it needs no record, and works for
// another host's. The id tells when to look, so that not every manifest of the project has to be read.
func (r *Runner) groupOnTarget(ctx context.Context, req GroupRestoreRequest) (store.GroupRun, []target.Manifest, error) {
	t, ok := r.cfg.Targets.Get(req.From)
	switch {
	case !ok:
		return store.GroupRun{}, nil, &NotFoundError{What: fmt.Sprintf("no target %s; there are: %s", req.From, strings.Join(r.cfg.Targets.Names(), ", "))}
	case req.Project == "":
		return store.GroupRun{}, nil, &RefusedError{Why: "name the project: without the record nothing else tells where to look"}
	}
	queued, err := store.IDTime(req.GroupRun)
	if err != nil {
		return store.GroupRun{}, nil, &NotFoundError{What: err.Error()}
	}
	folder := folderFor(Selector{Instance: r.instanceOf(req), Project: req.Project, Service: "x"})
	folder = strings.TrimSuffix(folder, "x/")
	objects, err := t.List(ctx, folder)
	if err != nil && !errors.Is(err, target.ErrNotFound) {
		return store.GroupRun{}, nil, err
	}
	row := store.GroupRun{ID: req.GroupRun, Project: req.Project, State: store.Succeeded}
	var members []target.Manifest
	var broken []error
	for _, o := range objects {
		name, isManifest := strings.CutSuffix(o.Key, target.ManifestSuffix)
		key, err := target.ParseKey(name)
		if !isManifest || err != nil || key.Time.Before(queued.Add(-time.Minute)) || key.Time.After(queued.Add(groupRunWindow)) {
			continue
		}
		m, err := t.ReadManifest(ctx, name)
		if err != nil {
			broken = append(broken, err) // it may be one of this group
			continue
		}
		if m.GroupRun == req.GroupRun && m.Project == req.Project {
			row.Name, row.StartedAt, row.FinishedAt = m.Group, m.StartedAt, m.FinishedAt
			members = append(members, m)
		}
	}
	if len(members) == 0 {
		return row, nil, errors.Join(append(broken, &NotFoundError{What: fmt.Sprintf("target %s has no backup of group run %s below %s; is the instance the name of the host that wrote it?", t.Name(), req.GroupRun, folder)})...)
	}
	return row, members, nil
}

func (r *Runner) instanceOf(req GroupRestoreRequest) string {
	if req.Instance != "" {
		return req.Instance
	}
	return r.cfg.Store.Instance()
}

// missingMembers are those that the manifests name and none of them is of.
func missingMembers(members []target.Manifest) []string {
	var out []string
	for _, m := range members {
		for _, id := range m.GroupMembers {
			is := func(o target.Manifest) bool { return o.Project+"/"+o.Service+"/"+o.Job == id }
			if !slices.ContainsFunc(members, is) && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}
