package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rclone/rclone/fs"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
)

// prepareLocal makes the folders and the file before rclone does: its own are readable by everyone.
func prepareLocal(remote fs.Fs, name string) error {
	if fs.Type(remote) != "local" {
		return nil
	}
	path := filepath.Join(remote.Root(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// localPath is where the object lies if that is on this machine, also behind a remote that wraps another one.
func localPath(o fs.Object) (path, root string, ok bool) {
	o = fs.UnWrapObject(o)
	remote, isFs := o.Fs().(fs.Fs)
	if !isFs || fs.Type(remote) != "local" {
		return "", "", false
	}
	return filepath.Join(remote.Root(), filepath.FromSlash(o.Remote())), remote.Root(), true
}

// syncFile brings a local file's bytes to the disk before it gets its name: after a power cut the name would
// otherwise stand for an empty file.
func syncFile(o fs.Object) error {
	path, _, ok := localPath(o)
	if !ok {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(fileMode); err != nil && !errors.Is(err, os.ErrPermission) { // some mounts have no modes
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("bring the file to the disk: %w", err)
	}
	return nil
}

// syncFolders brings a local file's name to the disk, and those of the folders that may be new.
func syncFolders(o fs.Object) error {
	path, root, ok := localPath(o)
	if !ok {
		return nil
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if err := syncFolder(folder); err != nil {
			return err
		}
		if folder == root || len(folder) <= len(root) {
			return nil
		}
	}
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("bring the folder to the disk: %w", err)
	}
	return nil
}
