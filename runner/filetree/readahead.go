package filetree

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// reader fills batches: it opens, reads and describes small members, and leaves large files and hard links, whose
// order counts, to the writer.
type reader struct {
	notes *notes
	xbuf  []byte
	small []byte
}

func newReader(n *notes) *reader {
	return &reader{notes: n, xbuf: make([]byte, 64<<10), small: make([]byte, smallFile+1)}
}

func (r *reader) fill(b *batch) {
	start := 0
	for i := range b.items {
		it := &b.items[i]
		later, err := r.item(b, it)
		if err != nil {
			b.err = err
			return
		}
		if later {
			b.parts = append(b.parts, part{bytes: nil}, part{file: it})
			b.parts[len(b.parts)-2].bytes = b.buf[start:len(b.buf):len(b.buf)]
			start = len(b.buf)
		}
	}
	b.parts = append(b.parts, part{bytes: b.buf[start:]})
}

func (r *reader) item(b *batch, it *item) (later bool, err error) {
	if it.head != nil {
		b.buf = it.head.append(b.buf)
		b.tally.entries++
		return false, nil
	}
	if !it.file {
		return r.special(b, it)
	}
	fd, err := openFile(it)
	if done, err := gone(r.notes, it.path, err); done || err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, fmt.Errorf("stat /%s: %w", printable(it.path), err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		r.notes.add(noteVanished, it.path)
		return false, nil
	case st.Size > smallFile, st.Nlink > 1:
		return true, nil
	}
	return r.smallFile(b, it, fd, &st)
}

// openFile never blocks on a FIFO that has taken a file's name.
func openFile(it *item) (int, error) {
	if it.name == "." {
		return openRootToRead(it.dir.fd, it.name, unix.O_NONBLOCK)
	}
	return openToRead(it.dir.fd, it.name, unix.O_NONBLOCK)
}

// smallFile reads the whole file before it writes the header, so the size in it is that of what was read.
func (r *reader) smallFile(b *batch, it *item, fd int, before *unix.Stat_t) (later bool, err error) {
	n, err := readFull(fd, r.small)
	if err != nil {
		return false, fmt.Errorf("read /%s: %w", printable(it.path), err)
	}
	if n == len(r.small) { // has grown out of the buffer meanwhile
		return true, nil
	}
	h := &header{path: it.path}
	h.fill(before)
	if h.xattrs, err = keepXattrs(fdXattrs(fd, r.xbuf))(r.notes, it.path); err != nil {
		return false, fmt.Errorf("/%s: %w", printable(it.path), err)
	}
	var after unix.Stat_t
	if err := unix.Fstat(fd, &after); err != nil {
		return false, fmt.Errorf("stat /%s: %w", printable(it.path), err)
	}
	if changed(before, &after) || int64(n) != before.Size {
		r.notes.add(noteChanged, it.path)
	}
	h.size, h.stored = int64(n), int64(n)
	if list, ok := extents(fd, &after); ok && int64(n) == after.Size {
		r.smallSparse(b, h, list)
		return false, nil
	}
	b.buf = appendPadded(h.append(b.buf), r.small[:n])
	b.tally.add(tally{entries: 1, bytes: h.size})
	return false, nil
}

func (r *reader) smallSparse(b *batch, h *header, list []extent) {
	body := appendMap(nil, list, h.size)
	for _, e := range list {
		body = append(body, r.small[e.off:e.off+e.len]...)
	}
	h.sparse, h.stored = true, int64(len(body))
	b.buf = appendPadded(h.append(b.buf), body)
	b.tally.add(tally{entries: 1, bytes: h.size})
}

func changed(a, b *unix.Stat_t) bool { return a.Size != b.Size || a.Mtim != b.Mtim }

// special writes links, FIFOs and devices; sockets are counted only, as nothing of them outlives their process.
func (r *reader) special(b *batch, it *item) (later bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(it.dir.fd, it.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if done, err := gone(r.notes, it.path, err); done || err != nil {
		return false, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		b.tally.sockets++
		return false, nil
	case unix.S_IFREG:
		it.file = true
		return r.item(b, it)
	case unix.S_IFDIR:
		r.notes.add(noteVanished, it.path)
		return false, nil
	}
	if st.Nlink > 1 {
		return true, nil
	}
	h, err := r.describe(it, &st)
	if h == nil || err != nil {
		return false, err
	}
	b.buf = h.append(b.buf)
	b.tally.entries++
	return false, nil
}

// describe makes the header of what has no content; nil when it has vanished.
func (r *reader) describe(it *item, st *unix.Stat_t) (*header, error) {
	h := &header{path: it.path}
	h.fill(st)
	if h.kind == kindLink {
		n, err := unix.Readlinkat(it.dir.fd, it.name, r.xbuf)
		if errors.Is(err, unix.EINVAL) {
			err = unix.ENOENT // replaced by something else
		}
		if done, err := gone(r.notes, it.path, err); done || err != nil {
			return nil, err
		}
		h.link = string(r.xbuf[:n])
	}
	var err error
	if h.xattrs, err = keepXattrs(pathXattrs(it.dir.fd, it.name, r.xbuf))(r.notes, it.path); err != nil {
		return nil, fmt.Errorf("/%s: %w", printable(it.path), err)
	}
	return h, nil
}

// readFull reads until buf is full or the file ends.
func readFull(fd int, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return n, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return n, nil
}
