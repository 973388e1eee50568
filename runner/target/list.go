package target

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/walk"
)

// List is every complete object below folder, sorted by key. The folder must end in a slash and is never left. One
// that does not exist is empty: bucket stores know no folders and say nothing else either.
func (t *Target) List(ctx context.Context, folder string) ([]Object, error) {
	all, err := t.list(ctx, folder)
	if err != nil {
		return nil, t.wrap("list", folder, err)
	}
	objects := make([]Object, 0, len(all))
	for _, stored := range all {
		if !strings.HasSuffix(stored.Remote(), partialSuffix) {
			objects = append(objects, describe(ctx, stored))
		}
	}
	return objects, nil
}

// list gives partial uploads too. Filters that rclone reads from RCLONE_ variables do not count here.
func (t *Target) list(ctx context.Context, folder string) ([]fs.Object, error) {
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	remote, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	var all []fs.Object
	err = listAll(ctx, remote, strings.TrimSuffix(folder, "/"), func(entries fs.DirEntries) error {
		entries.ForObject(func(o fs.Object) {
			if strings.HasPrefix(o.Remote(), folder) {
				all = append(all, o)
			}
		})
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, fs.ErrorDirNotFound) {
		return nil, err
	}
	slices.SortFunc(all, func(a, b fs.Object) int { return strings.Compare(a.Remote(), b.Remote()) })
	return all, nil
}

// listAll lists a folder in one go where the storage can, else folder by folder. rclone logs a folder that is not
// there as an error when it goes that way, but it is none: before the first run there is none of a job's.
func listAll(ctx context.Context, remote fs.Fs, folder string, take fs.ListRCallback) error {
	if remote.Features().ListR != nil {
		return walk.ListR(ctx, remote, folder, true, -1, walk.ListObjects, take)
	}
	return walk.Walk(ctx, remote, folder, true, -1, func(_ string, entries fs.DirEntries, err error) error {
		if errors.Is(err, fs.ErrorDirNotFound) {
			return walk.ErrorSkipDir
		}
		if err != nil {
			return err
		}
		return take(entries)
	})
}
