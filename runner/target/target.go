package target

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/cache"
)

// Target is one place that keeps backups: a folder of an rclone remote. It is safe for use by several goroutines.
type Target struct {
	name    string
	path    string // "remote:folder/", with the slash: see connect
	local   bool
	minFree int64

	claiming sync.Mutex

	mu     sync.Mutex
	remote fs.Fs // nil until the first use
}

// Object is one stored object.
type Object struct {
	Key     string
	Bytes   int64
	ModTime time.Time
	Hash    string // "md5:…": what the storage keeps and we computed agree; "" where only sizes could be compared
}

// Name is what labels call the target.
func (t *Target) Name() string { return t.name }

// Local says whether the target is on a file system of this machine.
func (t *Target) Local() bool { return t.local }

// Streams says whether the target takes streams of unknown size. One that does not (many WebDAV servers) can hold
// copies, but cannot be the first target: rclone would write the whole stream to a temporary file first.
func (t *Target) Streams(ctx context.Context) (bool, error) {
	remote, err := t.connect(ctx)
	return err == nil && remote.Features().PutStream != nil, t.wrap("open", "", err)
}

// connect makes the rclone remote with the first use, and again after a failure: a storage that is away when the
// process starts is no reason not to start.
func (t *Target) connect(ctx context.Context) (fs.Fs, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.remote != nil {
		return t.remote, nil
	}
	remote, err := open(ctx, t.path)
	if err != nil {
		return nil, err
	}
	t.remote = remote
	return remote, nil
}

// open makes a remote that is rooted at path and nowhere else. When an S3 server does not answer, rclone's NewFs
// takes the last folder of a path for a file, returns ErrorIsFile and a remote rooted at the parent: its usual idiom
// would then write under the wrong prefix. The slash at the end of the path skips that probe; where a backend probes
// all the same (crypt), the answer is an error and the remote that came with it is dropped.
func open(ctx context.Context, path string) (fs.Fs, error) {
	// The remote outlives the call that made it: it must not end with that call's context.
	remote, err := fs.NewFs(context.WithoutCancel(ctx), path)
	if err == fs.ErrorIsFile { //nolint:errorlint // rclone's own convention
		cache.Clear() // or the wrong answer would be given again for minutes
		return nil, fmt.Errorf("open the remote's folder: it is a file, or the storage did not answer: %w", errUnreachable)
	}
	if err != nil {
		return nil, fmt.Errorf("open the remote: %w", err)
	}
	return remote, nil
}

// checkKey refuses whatever could leave the target's folder or name something that backups never use.
func checkKey(key string) error {
	if key == "" || len(key) > 1000 || strings.HasSuffix(key, partialSuffix) {
		return fmt.Errorf("%w: %q cannot be a key", errRefused, shorten(key))
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || len(part) > 255 || strings.ContainsAny(part, "\\\x00\n") {
			return fmt.Errorf("%w: %q cannot be a key: its parts must be plain names", errRefused, shorten(key))
		}
	}
	return nil
}

// checkFolder is checkKey for a folder. Without the slash at its end the care for "backups" would touch
// "backups-other".
func checkFolder(folder string) error {
	name, found := strings.CutSuffix(folder, "/")
	if !found {
		return fmt.Errorf("%w: %q cannot be a folder: it must end in a slash", errRefused, shorten(folder))
	}
	return checkKey(name)
}
