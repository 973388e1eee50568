package filetree

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// inode tells hard links of one root apart. Roots have their own, as no link can be made across mounts.
type inode struct {
	root     int
	dev, ino uint64
}

// streamer writes batches in order, and reads large files and hard links itself.
type streamer struct {
	ctx   context.Context
	w     io.Writer
	notes *notes
	r     *reader
	buf   []byte
	links map[inode]string
	tally tally
}

func newStreamer(ctx context.Context, w io.Writer, n *notes) *streamer {
	return &streamer{ctx: ctx, w: w, notes: n, r: newReader(n), buf: make([]byte, 512<<10), links: map[inode]string{}}
}

func (s *streamer) batch(b *batch) error {
	if err := s.ctx.Err(); err != nil {
		return context.Cause(s.ctx)
	}
	if b.err != nil {
		return b.err
	}
	for _, p := range b.parts {
		if err := s.write(p.bytes); err != nil {
			return err
		}
		if p.file == nil {
			continue
		}
		if err := s.later(p.file); err != nil {
			return err
		}
	}
	s.tally.add(b.tally)
	return nil
}

func (s *streamer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := s.w.Write(p); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (s *streamer) later(it *item) error {
	if !it.file {
		return s.linkedSpecial(it)
	}
	fd, err := openFile(it)
	if done, err := gone(s.notes, it.path, err); done || err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat /%s: %w", printable(it.path), err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		s.notes.add(noteVanished, it.path)
		return nil
	}
	if done, err := s.linked(it, &st); done || err != nil {
		return err
	}
	return s.file(it, fd, &st)
}

// linked writes a hard link when this file is in the archive already. Only members that have been written are
// remembered, so a link never points at one that vanished.
func (s *streamer) linked(it *item, st *unix.Stat_t) (bool, error) {
	if st.Nlink < 2 {
		return false, nil
	}
	key := inode{it.root, st.Dev, st.Ino}
	first, ok := s.links[key]
	if !ok {
		s.links[key] = it.path
		return false, nil
	}
	h := &header{path: it.path}
	h.fill(st)
	h.kind, h.link, h.size, h.stored = kindHard, first, 0, 0
	s.tally.entries++
	return true, s.write(h.append(s.buf[:0]))
}

func (s *streamer) linkedSpecial(it *item) error {
	var st unix.Stat_t
	err := unix.Fstatat(it.dir.fd, it.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if done, err := gone(s.notes, it.path, err); done || err != nil {
		return err
	}
	h, err := s.r.describe(it, &st)
	if h == nil || err != nil {
		return err
	}
	if done, err := s.linked(it, &st); done || err != nil {
		return err
	}
	s.tally.entries++
	return s.write(h.append(s.buf[:0]))
}

// file streams one file at the size it has now: what grows is cut, what shrinks is filled up with zeros.
func (s *streamer) file(it *item, fd int, st *unix.Stat_t) error {
	h := &header{path: it.path}
	h.fill(st)
	var err error
	if h.xattrs, err = keepXattrs(fdXattrs(fd, s.r.xbuf))(s.notes, it.path); err != nil {
		return fmt.Errorf("/%s: %w", printable(it.path), err)
	}
	list := []extent{{0, st.Size}}
	var front []byte
	if holes, ok := extents(fd, st); ok {
		list, h.sparse = holes, true
		front = appendMap(nil, list, st.Size)
		h.stored = int64(len(front))
		for _, e := range list {
			h.stored += e.len
		}
	}
	if err := s.write(append(h.append(s.buf[:0]), front...)); err != nil {
		return err
	}
	missing := false
	for _, e := range list {
		short, err := s.copy(it, fd, e)
		if err != nil {
			return err
		}
		missing = missing || short
	}
	s.tally.add(tally{entries: 1, bytes: h.size})
	s.verdict(it, fd, st, missing)
	return s.write(zeros[:padding(h.stored)])
}

// copy writes one stretch of a file, with zeros for what is not there any more.
func (s *streamer) copy(it *item, fd int, e extent) (short bool, err error) {
	for at := e.off; at < e.off+e.len; {
		if err := s.ctx.Err(); err != nil {
			return false, context.Cause(s.ctx)
		}
		p := s.buf[:min(int64(len(s.buf)), e.off+e.len-at)]
		n := 0
		if !short {
			n, err = unix.Pread(fd, p, at)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil && !errors.Is(err, unix.ESTALE) {
				return false, fmt.Errorf("read /%s: %w", printable(it.path), err)
			}
		}
		if n <= 0 {
			short = true
			n = copy(p, zeros[:])
		}
		if err := s.write(p[:n]); err != nil {
			return short, err
		}
		at += int64(n)
	}
	return short, nil
}

func (s *streamer) verdict(it *item, fd int, before *unix.Stat_t, missing bool) {
	var after unix.Stat_t
	err := unix.Fstat(fd, &after)
	switch {
	case missing:
		s.notes.add(noteShrank, it.path)
	case err == nil && after.Size > before.Size:
		s.notes.add(noteGrew, it.path)
	case err != nil || changed(before, &after):
		s.notes.add(noteChanged, it.path)
	}
}
