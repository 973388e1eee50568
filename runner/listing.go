package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner/target"
)

// Listed is what a target holds, by its manifests alone.
type Listed struct {
	Folder  string            // that was looked through
	Backups []target.Manifest // newest first
	Older   int               // that were not read, because there were enough
	Broken  []error           // manifests that cannot be read; their backups are not among the others
}

// ListBackups reads the newest manifests of an instance on a target, of one project, service or job if sel names it;
// limit 0 reads all. It needs no record: it works on an empty host.
func ListBackups(ctx context.Context, t *target.Target, sel Selector, limit int) (Listed, error) {
	list := Listed{Folder: listingFolder(sel)}
	keys, err := manifestsBelow(ctx, t, list.Folder)
	if err != nil {
		return list, err
	}
	if len(keys) == 0 {
		return list, &NotFoundError{What: fmt.Sprintf("target %s holds no backup below %s", t.Name(), list.Folder)}
	}
	if limit > 0 && len(keys) > limit {
		list.Older, keys = len(keys)-limit, keys[:limit]
	}
	for _, key := range keys {
		m, err := t.ReadManifest(ctx, key.String())
		switch {
		case ctx.Err() != nil:
			return list, fmt.Errorf("read the manifests below %s: %w", list.Folder, context.Cause(ctx))
		case err != nil:
			list.Broken = append(list.Broken, err)
		default:
			list.Backups = append(list.Backups, m)
		}
	}
	return list, nil
}

// manifestsBelow are the keys of all committed backups in a folder, newest first.
func manifestsBelow(ctx context.Context, t *target.Target, folder string) ([]target.Key, error) {
	objects, err := t.List(ctx, folder)
	if err != nil && !errors.Is(err, target.ErrNotFound) {
		return nil, err
	}
	var keys []target.Key
	for _, o := range objects {
		name, isManifest := strings.CutSuffix(o.Key, target.ManifestSuffix)
		if key, err := target.ParseKey(name); isManifest && err == nil {
			keys = append(keys, key)
		}
	}
	slices.SortStableFunc(keys, func(a, b target.Key) int { return b.Time.Compare(a.Time) })
	return keys, nil
}

// listingFolder is that of the job, of the service, of the project or of the instance, as far as sel names one.
func listingFolder(sel Selector) string {
	const filler = "x"
	parts := 4
	key := target.Key{Instance: sel.Instance, Project: sel.Project, Service: sel.Service, Job: sel.Job}
	for _, part := range []*string{&key.Job, &key.Service, &key.Project} {
		if *part == "" {
			*part = filler
			parts--
		}
	}
	return strings.Join(strings.SplitAfter(key.Folder(), "/")[:parts], "")
}
