package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

const checkTimeout = 15 * time.Second

// Check says whether the target answers at all, within seconds. A folder or bucket that does not exist yet is fine:
// the first Put makes it.
func (t *Target) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, fmt.Errorf("no answer within %v", checkTimeout))
	defer cancel()
	_, err := t.Stat(ctx, "simpledeploy.json")
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Free is how many bytes the target has left for us; known is false where the storage does not say.
func (t *Target) Free(ctx context.Context) (bytes int64, known bool, err error) {
	if root, local := localRoot(t.path); local {
		bytes, err = diskFree(root)
		return bytes, err == nil, t.wrap("ask for the free space of", "", err)
	}
	remote, err := t.connect(ctx)
	if err != nil {
		return 0, false, t.wrap("ask for the free space of", "", err)
	}
	if remote.Features().About == nil {
		return 0, false, nil
	}
	usage, err := remote.Features().About(ctx)
	if err != nil || usage == nil || usage.Free == nil {
		return 0, false, nil //nolint:nilerr // many servers have the command and refuse it: the space is unknown then
	}
	return *usage.Free, true, nil
}

// diskFree asks for the folder, or for the nearest one above it while it does not exist yet.
func diskFree(folder string) (int64, error) {
	for {
		var stat unix.Statfs_t
		err := unix.Statfs(folder, &stat)
		if err == nil {
			return int64(stat.Bavail) * stat.Bsize, nil
		}
		if parent := filepath.Dir(folder); errors.Is(err, os.ErrNotExist) && parent != folder {
			folder = parent
			continue
		}
		return 0, fmt.Errorf("ask for the free space of %s: %w", folder, err)
	}
}

// checkSpace refuses an upload that would leave less than is to stay free on this machine. Manifests and claims are
// let through: an object whose manifest found no room would be lost.
func (t *Target) checkSpace(ctx context.Context, opt PutOptions) error {
	need := max(opt.Size, opt.Expect, 0)
	if !t.local || t.minFree <= 0 || opt.Size >= 0 && opt.Size <= smallObject {
		return nil
	}
	free, known, err := t.Free(ctx)
	if err != nil || !known {
		return err
	}
	if free-need < t.minFree {
		return fmt.Errorf("%w: %s are free, %s are expected, and %s must stay free (SIMPLEDEPLOY_MIN_FREE)", ErrNoSpace,
			humanize.IBytes(uint64(max(free, 0))), humanize.IBytes(uint64(need)), humanize.IBytes(uint64(t.minFree)))
	}
	return nil
}
