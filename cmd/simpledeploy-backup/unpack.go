package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// unpack writes the members of a tar into dir. Everything goes through os.Root, so neither a name nor a link in a
// stranger's archive can lead outside. Owners are set where this process may.
func unpack(ctx context.Context, dir string, raw io.Reader) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	u := &unpacker{root: root, asRoot: os.Geteuid() == 0}
	err = u.run(ctx, tar.NewReader(raw))
	if err == nil {
		// What stands behind the archive's end is padding, and the stream's end is what proves it.
		_, err = io.Copy(io.Discard, raw)
	}
	return errors.Join(err, root.Close())
}

type unpacker struct {
	root   *os.Root
	asRoot bool
	folder []*tar.Header // their modes and times are set last, or filling them would be forbidden or change them
}

func (u *unpacker) run(ctx context.Context, r *tar.Reader) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return u.finishFolders()
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		h.Name = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if h.Name == "" {
			continue
		}
		if err := u.member(h, r); err != nil {
			return fmt.Errorf("unpack %s: %w", printable(h.Name), err)
		}
	}
}

func (u *unpacker) member(h *tar.Header, r io.Reader) error {
	if err := u.root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		u.folder = append(u.folder, h)
		err := u.root.Mkdir(h.Name, 0o700)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.file(h, r)
	case tar.TypeLink:
		return u.root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), h.Name)
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, h.Name); err != nil {
			return err
		}
		return u.own(h)
	}
	// Devices and pipes are nothing that a folder of files needs; a restore into the service makes them.
	return nil
}

func (u *unpacker) file(h *tar.Header, r io.Reader) error {
	f, err := u.root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.dress(h)
}

// dress sets owner, mode and times, in this order: changing the owner clears set-uid bits.
func (u *unpacker) dress(h *tar.Header) error {
	if err := u.own(h); err != nil {
		return err
	}
	if err := u.root.Chmod(h.Name, h.FileInfo().Mode()); err != nil {
		return err
	}
	return u.root.Chtimes(h.Name, h.ModTime, h.ModTime)
}

func (u *unpacker) own(h *tar.Header) error {
	if !u.asRoot {
		return nil
	}
	return u.root.Lchown(h.Name, h.Uid, h.Gid)
}

func (u *unpacker) finishFolders() error {
	for i := len(u.folder) - 1; i >= 0; i-- {
		if err := u.dress(u.folder[i]); err != nil {
			return fmt.Errorf("finish folder %s: %w", printable(u.folder[i].Name), err)
		}
	}
	return nil
}
