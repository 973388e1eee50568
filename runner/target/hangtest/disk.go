// Package hangtest is a storage for tests whose writes do not return, as those of a dead network mount.
package hangtest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
)

// Disk is a folder that takes no stream before it is Back.
type Disk struct {
	fs.Fs
	features fs.Features

	Began chan struct{} // closed once a write hangs
	Back  chan struct{} // close it to let the write fail
}

// New makes one and the rclone path of its folder.
func New(folder string) (disk *Disk, path string) {
	disk = &Disk{Began: make(chan struct{}), Back: make(chan struct{})}
	kind := "hanging" + strings.ToLower(rand.Text()[:8]) // rclone forgets none, and the test may run again
	fs.Register(&fs.RegInfo{Name: kind, NewFs: func(ctx context.Context, _, root string, _ configmap.Mapper) (fs.Fs, error) {
		inner, err := fs.NewFs(ctx, root)
		if err != nil {
			return nil, err
		}
		disk.Fs, disk.features = inner, *inner.Features()
		disk.features.PutStream = disk.PutStream
		return disk, nil
	}})
	return disk, ":" + kind + ":" + folder
}

// Features are the folder's, but for how it takes streams.
func (d *Disk) Features() *fs.Features { return &d.features }

// PutStream hangs until the disk is back, and fails then.
func (d *Disk) PutStream(context.Context, io.Reader, fs.ObjectInfo, ...fs.OpenOption) (fs.Object, error) {
	close(d.Began)
	<-d.Back
	return nil, errors.New("the mount came back without its files")
}
