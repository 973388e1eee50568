package target

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rclone/rclone/fs"
)

// Stat says what is stored under key; ErrNotFound if nothing is.
func (t *Target) Stat(ctx context.Context, key string) (Object, error) {
	stored, err := t.find(ctx, key)
	if err != nil {
		return Object{}, t.wrap("look at", key, err)
	}
	return describe(ctx, stored), nil
}

// Open reads what is stored under key. A stream that ends before the object's size, as one does whose connection was
// cut, ends in an error and not in io.EOF.
func (t *Target) Open(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	stored, err := t.find(ctx, key)
	if err != nil {
		return nil, Object{}, t.wrap("open", key, err)
	}
	body, err := stored.Open(ctx)
	if err != nil {
		return nil, Object{}, t.wrap("open", key, err)
	}
	obj := describe(ctx, stored)
	return &reader{t: t, key: key, body: body, left: obj.Bytes}, obj, nil
}

func (t *Target) find(ctx context.Context, key string) (fs.Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	remote, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	return remote.NewObject(ctx, key)
}

func describe(ctx context.Context, stored fs.Object) Object {
	return Object{Key: stored.Remote(), Bytes: stored.Size(), ModTime: stored.ModTime(ctx)}
}

// reader counts down what must still come.
type reader struct {
	t    *Target
	key  string
	body io.ReadCloser
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.left -= int64(n)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, r.t.wrap("read", r.key, err)
	case r.left > 0:
		return n, r.t.wrap("read", r.key, fmt.Errorf("%d bytes are missing at its end: %w", r.left, io.ErrUnexpectedEOF))
	case r.left < 0:
		return n, r.t.wrap("read", r.key, fmt.Errorf("%w: it has %d bytes more than its size says", errCorrupt, -r.left))
	}
	return n, io.EOF
}

func (r *reader) Close() error { return r.t.wrap("close", r.key, r.body.Close()) }

// ReadManifest reads and decodes the manifest of the object named key, within bounds.
func (t *Target) ReadManifest(ctx context.Context, key string) (Manifest, error) {
	body, _, err := t.Open(ctx, key+ManifestSuffix)
	if err != nil {
		return Manifest{}, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, MaxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	m, err := DecodeManifest(key, b)
	return m, t.wrap("read", key+ManifestSuffix, err)
}
