package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/target"
)

// Selector chooses a backup on a target by its manifests alone.
type Selector struct {
	Instance, Project, Service string
	Job                        string    // empty: the only one
	RunID                      string    // empty: the newest
	At                         time.Time // with no RunID: the newest not after; zero: now
}

// brokenManifests is how many manifests that cannot be read are passed over on the way to the newest good one.
const brokenManifests = 5

// FindBackup reads a service's own folder on a target and returns the manifest of the chosen backup. It needs no
// record: it works on an empty host. What a restore saved before it replaced it is found only by its run's id.
func FindBackup(ctx context.Context, t *target.Target, sel Selector) (target.Manifest, error) {
	folder := folderFor(sel)
	objects, err := t.List(ctx, folder)
	if err != nil && !errors.Is(err, target.ErrNotFound) {
		return target.Manifest{}, err
	}
	keys, jobs := sel.fitting(objects)
	switch {
	case len(keys) == 0:
		return target.Manifest{}, &NotFoundError{What: fmt.Sprintf("target %s has no such backup below %s; is the instance the name of the host that wrote it, and are run and time right?", t.Name(), folder)}
	case len(jobs) > 1:
		return target.Manifest{}, &RefusedError{Why: fmt.Sprintf("%s/%s has several jobs on target %s: say which of %s", sel.Project, sel.Service, t.Name(), strings.Join(jobs, ", "))}
	}
	return sel.newest(ctx, t, keys)
}

func folderFor(sel Selector) string {
	key := target.Key{Instance: sel.Instance, Project: sel.Project, Service: sel.Service, Job: sel.Job}
	if sel.Job != "" {
		return key.Folder()
	}
	key.Job = "default"
	return strings.TrimSuffix(key.Folder(), "default/")
}

// fitting are the keys of the backups that may be meant, newest first, and the jobs that they are of.
func (sel Selector) fitting(objects []target.Object) (keys []target.Key, jobs []string) {
	for _, o := range objects {
		name, isManifest := strings.CutSuffix(o.Key, target.ManifestSuffix)
		key, err := target.ParseKey(name)
		if !isManifest || err != nil || sel.RunID != "" && !strings.EqualFold(key.RunID, sel.RunID) || !sel.At.IsZero() && key.Time.After(sel.At) {
			continue
		}
		keys = append(keys, key)
		if !slices.Contains(jobs, key.Job) {
			jobs = append(jobs, key.Job)
		}
	}
	slices.SortFunc(keys, func(a, b target.Key) int { return b.Time.Compare(a.Time) })
	return keys, jobs
}

// newest reads manifests until one can be used. A broken one is passed over only when no run was named.
func (sel Selector) newest(ctx context.Context, t *target.Target, keys []target.Key) (target.Manifest, error) {
	var errs []error
	for _, key := range keys {
		m, err := t.ReadManifest(ctx, key.String())
		switch {
		case err != nil:
			errs = append(errs, err)
		case sel.RunID != "" || m.Trigger != triggerSafety:
			return m, nil
		}
		if err != nil && (sel.RunID != "" || len(errs) == brokenManifests) {
			break
		}
	}
	if len(errs) == 0 {
		return target.Manifest{}, &NotFoundError{What: fmt.Sprintf("target %s holds only safety backups of %s/%s: name one by its run", t.Name(), sel.Project, sel.Service)}
	}
	return target.Manifest{}, errors.Join(errs...)
}
