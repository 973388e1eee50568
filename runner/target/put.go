package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"
)

const (
	// smallObject is how much of a stream is read before anything is sent: manifests and claims become uploads of
	// known size, and a dump that fails at once writes nothing.
	smallObject    = 1 << 20
	removalTimeout = 30 * time.Second
)

// PutOptions say what is known of a stream beforehand.
type PutOptions struct {
	Size   int64         // bytes; -1: unknown
	Expect int64         // roughly how many bytes to expect, such as the last run's; 0: no idea
	SHA256 func() string // hex, asked for after the stream's end; nil: nobody computed it
}

// Put stores r under key and returns nil only once the storage acknowledged every byte. Until then the key is not
// visible where the storage can do that: object stores publish what is whole, elsewhere a ".partial" name is moved.
// After a failure nothing of it stays, but for a storage that is away: RemovePartials removes that later. An object
// that was there under key before is replaced at the end only. Cancelling ctx ends the upload with r's next byte:
// close r too.
func (t *Target) Put(ctx context.Context, key string, r io.Reader, opt PutOptions) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, t.wrap("put", key, err)
	}
	obj, err := t.put(ctx, key, r, opt)
	return obj, t.wrap("put", key, err)
}

func (t *Target) put(ctx context.Context, key string, r io.Reader, opt PutOptions) (Object, error) {
	remote, err := t.connect(ctx)
	if err != nil {
		return Object{}, err
	}
	if opt.Size < 0 && remote.Features().PutStream == nil {
		return Object{}, ErrSizeNeeded // also for a small one, that would be the first to fail when it has grown
	}
	if err := t.checkSpace(ctx, opt); err != nil {
		return Object{}, err
	}
	// Asked before the stream begins: a storage that refuses us or does not answer then costs no dump.
	existed, err := exists(ctx, remote, key)
	if err != nil {
		return Object{}, err
	}
	u := &upload{
		remote: remote, key: key, name: uploadName(remote, key), existed: existed,
		source: &source{ctx: ctx, r: r}, size: opt.Size, sha256: opt.SHA256,
	}
	defer u.source.stop()
	if u.sender, err = t.sized(ctx, remote, opt); err != nil {
		return Object{}, err
	}
	obj, err := u.run(ctx)
	if err != nil {
		return Object{}, errors.Join(err, u.undo(ctx))
	}
	return obj, nil
}

func exists(ctx context.Context, remote fs.Fs, key string) (bool, error) {
	_, err := remote.NewObject(ctx, key)
	if errors.Is(err, fs.ErrorObjectNotFound) || errors.Is(err, fs.ErrorDirNotFound) {
		return false, nil
	}
	return err == nil, err
}

// uploadName is the key itself where the storage publishes an object only when it is whole. Everywhere else that
// something can be moved, a crash in mid-upload must not leave a short file under the key: rclone's own streaming
// does (local, SFTP), and so do many WebDAV servers.
func uploadName(remote fs.Fs, key string) string {
	features := remote.Features()
	if features.BucketBased || features.Move == nil {
		return key
	}
	return key + partialSuffix
}

// upload is one Put under way.
type upload struct {
	remote, sender fs.Fs // sender has the part size for this upload
	key, name      string
	existed        bool
	published      bool
	source         *source
	size           int64
	sha256         func() string
	check          checksum
}

func (u *upload) run(ctx context.Context) (Object, error) {
	stored, err := u.send(ctx)
	if err == nil {
		err = u.source.complete(u.size) // whatever the backend made of a broken stream, it is no success
	}
	if err != nil {
		return Object{}, u.source.cause(err)
	}
	if err := syncFile(stored); err != nil {
		return Object{}, err
	}
	if u.name != u.key {
		if stored, err = u.remote.Features().Move(ctx, stored, u.key); err != nil {
			return Object{}, fmt.Errorf("move the complete upload to its name: %w", err)
		}
	}
	u.published = true
	if err := syncFolders(stored); err != nil {
		return Object{}, err
	}
	return u.verify(ctx)
}

// send gives the stream to the backend. Neither rclone's Rcat nor its RcatSize is used: Rcat takes a bare
// io.ErrUnexpectedEOF from a short stream for its end, spools long ones to a temporary file where a backend cannot
// stream, and leaves in place what it found corrupt; RcatSize compares sizes only.
func (u *upload) send(ctx context.Context) (fs.Object, error) {
	head, err := io.ReadAll(io.LimitReader(u.source, smallObject))
	if err != nil {
		return nil, err
	}
	var body io.Reader = u.source
	size := u.size
	if len(head) < smallObject { // the end was seen
		body, size = bytes.NewReader(head), int64(len(head))
	} else {
		body = io.MultiReader(bytes.NewReader(head), body)
	}
	u.check = newChecksum(u.remote, size, u.sha256)
	if err := prepareLocal(u.remote, u.name); err != nil {
		return nil, err
	}
	info := object.NewStaticObjectInfo(u.name, time.Now(), size, true, u.check.known(head, size), nil)
	if size >= 0 {
		return u.sender.Put(ctx, u.check.tee(body), info)
	}
	return u.sender.Features().PutStream(ctx, u.check.tee(body), info)
}

// verify asks the storage what it now has, instead of believing the upload's answer.
func (u *upload) verify(ctx context.Context) (Object, error) {
	stored, err := u.remote.NewObject(ctx, u.key)
	if err != nil {
		return Object{}, fmt.Errorf("look at what was stored: %w", err)
	}
	if stored.Size() != u.source.count() {
		return Object{}, fmt.Errorf("%w: %d bytes were sent, %d are stored", errCorrupt, u.source.count(), stored.Size())
	}
	sum, err := u.check.compare(ctx, stored)
	if err != nil {
		return Object{}, err
	}
	return Object{Key: u.key, Bytes: stored.Size(), ModTime: stored.ModTime(ctx), Hash: sum}, nil
}

// undo removes what a failed upload left, on its own time: the caller's context may be what ended it. What was under
// the key before stays, unless it was replaced already.
func (u *upload) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), removalTimeout,
		errors.New("the storage did not answer while a failed upload was removed"))
	defer cancel()
	names := []string{}
	if u.name != u.key {
		names = append(names, u.name)
	}
	if u.published || u.name == u.key && !u.existed {
		names = append(names, u.key)
	}
	for _, name := range names {
		left, err := u.remote.NewObject(ctx, name)
		if err == nil {
			err = left.Remove(ctx)
		}
		if err != nil && !errors.Is(err, fs.ErrorObjectNotFound) && !errors.Is(err, fs.ErrorDirNotFound) {
			return fmt.Errorf("remove what the failed upload left: %w", err)
		}
	}
	return nil
}
