package filetree

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// file writes one regular file and gives the hash of its stored bytes.
func (x *extractor) file(dir int, name string, h *header) (uint64, error) {
	if err := room(dir, h.stored); err != nil {
		return 0, err
	}
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, exists(err)
	}
	defer unix.Close(fd)
	sum, err := x.content(fd, h)
	if err != nil {
		return 0, err
	}
	return sum, x.finish(fd, dir, name, h)
}

// content writes what is stored of h to fd. Holes are made again by not writing them.
func (x *extractor) content(fd int, h *header) (uint64, error) {
	x.hash.Reset()
	src := io.TeeReader(x.tar, x.hash)
	list := []extent{{0, h.size}}
	if h.sparse {
		var err error
		if list, err = readMap(src, h); err != nil {
			return 0, err
		}
		if err := unix.Ftruncate(fd, h.size); err != nil {
			return 0, fmt.Errorf("set size: %w", err)
		}
	}
	for _, e := range list {
		if err := x.stretch(fd, src, e); err != nil {
			return 0, err
		}
	}
	return x.hash.Sum64(), nil
}

func (x *extractor) stretch(fd int, src io.Reader, e extent) error {
	for at := e.off; at < e.off+e.len; {
		p := x.buf[:min(int64(len(x.buf)), e.off+e.len-at)]
		n, err := io.ReadFull(src, p)
		if err != nil {
			return fmt.Errorf("read archive: %w", noEOF(err))
		}
		for done := 0; done < n; {
			m, err := unix.Pwrite(fd, p[done:n], at+int64(done))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			done += m
		}
		at += int64(n)
	}
	return nil
}

// room refuses a large file for which there is no space, before it fills the volume to the brim.
func room(dir int, size int64) error {
	if size < 1<<20 {
		return nil
	}
	return checkSpace(dir, size)
}

// checkSpace compares what is free for us with what is needed.
func checkSpace(dir int, need int64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(dir, &st); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	free := int64(st.Bavail) * st.Bsize
	if unix.Geteuid() == 0 {
		free = int64(st.Bfree) * st.Bsize
	}
	if free < need {
		return fmt.Errorf("%w: %d bytes are needed beside what is there now, %d are free: make room on this volume",
			unix.ENOSPC, need, free)
	}
	return nil
}

// finish sets owner, mode, attributes and times, in the order in which none undoes another: a change of owner clears
// setuid and capabilities. fd is -1 for what is not opened; name is empty when fd is a folder.
func (x *extractor) finish(fd, dir int, name string, h *header) error {
	var err error
	if fd >= 0 {
		err = unix.Fchown(fd, int(h.uid), int(h.gid))
	} else {
		err = unix.Fchownat(dir, name, int(h.uid), int(h.gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if x.lenient && errors.Is(err, unix.EPERM) {
		x.notes.add(noteOwner, h.path)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("set owner: %w", err)
	}
	p := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
	if h.kind != kindLink {
		if fd >= 0 {
			err = unix.Fchmod(fd, h.mode)
		} else {
			err = os.Chmod(p, fileMode(h.mode)) // made by us in this very folder: not a link
		}
		if err != nil {
			return fmt.Errorf("set mode: %w", err)
		}
	}
	if err := x.setXattrs(fd, p, h); err != nil {
		return err
	}
	return setTimes(fd, dir, name, h)
}

func fileMode(m uint32) os.FileMode {
	mode := os.FileMode(m & 0o777)
	for bit, set := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if m&bit != 0 {
			mode |= set
		}
	}
	return mode
}

// setTimes sets the modification time; the access time gets the same, as none was kept.
func setTimes(fd, dir int, name string, h *header) error {
	ts := []unix.Timespec{{Sec: h.sec, Nsec: h.nsec}, {Sec: h.sec, Nsec: h.nsec}}
	var err error
	if name == "" {
		err = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), ts, 0)
	} else {
		err = unix.UtimesNanoAt(dir, name, ts, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	return nil
}

func (x *extractor) setXattrs(fd int, p string, h *header) error {
	for _, a := range h.xattrs {
		var err error
		if fd >= 0 {
			err = unix.Fsetxattr(fd, a.Name, []byte(a.Value), 0)
		} else {
			err = unix.Lsetxattr(p, a.Name, []byte(a.Value), 0)
		}
		switch {
		case err == nil:
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM):
			x.notes.add(noteXattr, h.path)
		default:
			return fmt.Errorf("set extended attribute %q: %w", a.Name, err)
		}
	}
	return nil
}
