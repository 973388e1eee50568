package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/rclone/rclone/fs"
)

// RemovePartial removes what an upload of exactly this key left without ending it: its partial name, or its unfinished
// upload on S3. The object itself stays. It finds what RemovePartials cannot: MinIO lists unfinished uploads by their
// whole key only.
func (t *Target) RemovePartial(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return t.wrap("remove the unfinished upload of", key, err)
	}
	remote, err := t.connect(ctx)
	if err == nil && uploadName(remote, key) != key {
		var left fs.Object
		if left, err = remote.NewObject(ctx, uploadName(remote, key)); err == nil {
			err = left.Remove(ctx)
		}
		if errors.Is(err, fs.ErrorObjectNotFound) || errors.Is(err, fs.ErrorDirNotFound) {
			err = nil
		}
	}
	if err == nil && fs.Type(remote) == "s3" {
		err = t.abortUpload(ctx, key)
	}
	return t.wrap("remove the unfinished upload of", key, err)
}

// abortUploads ends the run's unfinished multipart uploads, which cost money and are in no listing. rclone's own
// clean-up lists them by a prefix without a slash at its end, so that of "backups" would end those of
// "backups-other/" too: here they are listed, those of our own keys picked out, and the clean-up is called for each
// key alone. Behind a remote that wraps another one the keys cannot be told; the storage's own rule for unfinished
// uploads has to end those.
func (t *Target) abortUploads(ctx context.Context, folder, runID string) error {
	remote, err := t.connect(ctx)
	if err != nil || fs.Type(remote) != "s3" {
		return err
	}
	keys, err := unfinished(ctx, remote)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		if belongsTo(key, folder, runID) {
			errs = append(errs, t.abortUpload(ctx, key))
		}
	}
	return errors.Join(errs...)
}

// abortUpload ends the unfinished uploads of the key and of what begins with it: its manifest.
func (t *Target) abortUpload(ctx context.Context, key string) error {
	alone, err := open(ctx, t.path+key+"/")
	if err == nil {
		// Older than minus a day is all: the storage's clock may be ahead of ours.
		_, err = alone.Features().Command(ctx, "cleanup", nil, map[string]string{"max-age": "-24h"})
	}
	if err != nil && !errors.Is(err, fs.ErrorDirNotFound) && !noBucket(err) {
		return fmt.Errorf("end the unfinished upload of %s: %w", key, err)
	}
	return nil
}

// noBucket says that the storage answered, and has no such bucket yet: nothing was ever begun there.
func noBucket(err error) bool {
	status, known := httpStatus(err)
	return known && status == http.StatusNotFound
}

// unfinished lists the keys below the target's folder that an upload was begun for.
func unfinished(ctx context.Context, remote fs.Fs) ([]string, error) {
	listed, err := remote.Features().Command(ctx, "list-multipart-uploads", nil, nil)
	if noBucket(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list unfinished uploads: %w", err)
	}
	b, err := json.Marshal(listed) // the S3 client's own types, read by their names
	if err != nil {
		return nil, fmt.Errorf("list unfinished uploads: %w", err)
	}
	var byBucket map[string][]struct{ Key string }
	if err := json.Unmarshal(b, &byBucket); err != nil {
		return nil, fmt.Errorf("list unfinished uploads: %w", err)
	}
	var keys []string
	for bucket, uploads := range byBucket {
		for _, upload := range uploads {
			if key, inside := strings.CutPrefix(path.Join(bucket, upload.Key), strings.Trim(remote.Root(), "/")+"/"); inside {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}
