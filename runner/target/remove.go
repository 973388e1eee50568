package target

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rclone/rclone/fs"
)

// Remove removes the object. One that is not there any more is no error: that was what was asked for.
func (t *Target) Remove(ctx context.Context, key string) error {
	stored, err := t.find(ctx, key)
	if err == nil {
		err = stored.Remove(ctx)
	}
	if errors.Is(err, fs.ErrorObjectNotFound) || errors.Is(err, fs.ErrorDirNotFound) {
		return nil
	}
	return t.wrap("remove", key, err)
}

// RemovePartials removes what a run left in its job's folder without ending it: uploads under a partial name, objects
// and unfinished uploads of S3. A backup with its manifest stays. Nothing outside the folder and nothing of another
// run is touched.
func (t *Target) RemovePartials(ctx context.Context, folder, runID string) error {
	return t.wrap("remove unfinished uploads in", folder, t.removePartials(ctx, folder, runID))
}

func (t *Target) removePartials(ctx context.Context, folder, runID string) error {
	if strings.Count(folder, "/") != 4 || runID == "" {
		return fmt.Errorf("%w: a job's folder has four parts and a run has an id", errRefused)
	}
	all, err := t.list(ctx, folder)
	if err != nil {
		return err
	}
	committed := map[string]bool{}
	for _, stored := range all {
		if key, isManifest := strings.CutSuffix(stored.Remote(), ManifestSuffix); isManifest {
			committed[key] = true
		}
	}
	var errs []error
	for _, stored := range all {
		key := stored.Remote()
		whole := committed[key] || strings.HasSuffix(key, ManifestSuffix)
		if !belongsTo(key, folder, runID) || whole {
			continue
		}
		if err := stored.Remove(ctx); err != nil && !errors.Is(err, fs.ErrorObjectNotFound) {
			errs = append(errs, fmt.Errorf("remove %s: %w", key, err))
		}
	}
	errs = append(errs, t.abortUploads(ctx, folder, runID))
	return errors.Join(errs...)
}

// belongsTo says whether the key, partial or not, is one of the run's in that very folder.
func belongsTo(key, folder, runID string) bool {
	key = strings.TrimSuffix(key, partialSuffix)
	key = strings.TrimSuffix(key, ManifestSuffix)
	if path.Dir(key)+"/" != folder {
		return false
	}
	k, err := ParseKey(key)
	return err == nil && k.RunID == runName(runID)
}
