package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/target"
)

// wanted is one backup as a person names it, to be found on a target without any record.
type wanted struct {
	instance string
	what     selector
	run      string
	at       time.Time // zero: any time
}

// findBackup looks for the newest manifest that fits: no manifest, no backup.
func findBackup(ctx context.Context, from *target.Target, w wanted) (target.Manifest, error) {
	folder := target.Key{Instance: w.instance, Project: w.what.project, Service: w.what.service, Job: cmp.Or(w.what.job, "default")}.Folder()
	if w.what.job == "" {
		folder = strings.TrimSuffix(folder, "default/")
	}
	objects, err := from.List(ctx, folder)
	if err != nil {
		return target.Manifest{}, err
	}
	keys, jobs := manifestKeys(objects, w)
	switch {
	case len(keys) == 0:
		return target.Manifest{}, fmt.Errorf("target %s has no such backup below %s; "+
			"is --instance the name of the host that wrote it, and --run or --at right?", from.Name(), folder)
	case len(jobs) > 1:
		return target.Manifest{}, usageErrorf("%s has several jobs: name one of %s", w.what, strings.Join(jobs, ", "))
	}
	return newestGood(ctx, from, keys, w)
}

// manifestKeys lists the keys of the backups that fit, newest first, and the jobs that they are of.
func manifestKeys(objects []target.Object, w wanted) (keys []target.Key, jobs []string) {
	for _, o := range objects {
		name, isManifest := strings.CutSuffix(o.Key, target.ManifestSuffix)
		if !isManifest {
			continue
		}
		key, err := target.ParseKey(name)
		if err != nil || w.run != "" && !strings.EqualFold(key.RunID, w.run) || !w.at.IsZero() && key.Time.After(w.at) {
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

// newestGood reads manifests until one can be used. A broken one is passed over only when no run was named.
func newestGood(ctx context.Context, from *target.Target, keys []target.Key, w wanted) (target.Manifest, error) {
	var errs []error
	for _, key := range keys {
		m, err := from.ReadManifest(ctx, key.String())
		if err == nil {
			return m, nil
		}
		if errs = append(errs, err); w.run != "" || len(errs) == 5 {
			break
		}
	}
	return target.Manifest{}, errors.Join(errs...)
}
