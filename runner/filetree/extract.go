package filetree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// tree is where the members of one root are unpacked.
type tree struct {
	fd       int     // the folder they go into
	prefix   string  // of their path below fd
	implicit bool    // folders on the way that the archive does not hold may be made
	root     *header // the root's own header, when fd stands for it
	file     int     // a file in memory that stands for a root which is a single file; -1: none
}

// extractor unpacks an archive below open folders. Nothing it writes can lie outside: each step opens one name
// without following links, and nothing is ever written over.
type extractor struct {
	ctx     context.Context
	tar     *tarReader
	place   func(member string) (t *tree, rel string, err error)
	notes   *notes
	digest  digest
	stack   []openFolder
	buf     []byte
	hash    *xxhash.Digest
	lenient bool // not root: owners, devices and foreign attributes are given up and noted
}

// openFolder is a folder being filled; its own metadata is set when the last of it has been written.
type openFolder struct {
	t   *tree
	rel string
	fd  int
	h   *header // nil: it keeps what it has
}

func newExtractor(ctx context.Context, r io.Reader, place func(string) (*tree, string, error)) *extractor {
	return &extractor{
		ctx: ctx, tar: &tarReader{r: bufio.NewReaderSize(r, 256<<10)}, place: place, notes: &notes{},
		buf: make([]byte, 256<<10), hash: xxhash.New(), lenient: unix.Geteuid() != 0,
	}
}

// run unpacks all members until the stream's true end.
func (x *extractor) run() error {
	defer x.closeAll()
	for {
		if err := x.ctx.Err(); err != nil {
			return context.Cause(x.ctx)
		}
		h, err := x.tar.next()
		if errors.Is(err, io.EOF) {
			return x.pop(0)
		}
		if err != nil {
			return err
		}
		if err := x.member(h); err != nil {
			return fmt.Errorf("unpack /%s: %w", printable(h.path), err)
		}
	}
}

func (x *extractor) member(h *header) error {
	if err := checkMember(h.path); err != nil {
		return err
	}
	t, rel, err := x.place(h.path)
	if err != nil {
		return err
	}
	var content uint64
	switch {
	case rel == "":
		content, err = x.top(t, h)
	case t.file >= 0:
		err = errors.New("the archive holds a folder where the restored path is a single file")
	default:
		content, err = x.child(t, rel, h)
	}
	if err != nil {
		return err
	}
	x.digest.add(h, content)
	return nil
}

// top takes the root's own member: a folder's is kept for later, a single file's is read into memory.
func (x *extractor) top(t *tree, h *header) (uint64, error) {
	switch {
	case t.root != nil:
		return 0, errors.New("the archive holds this member twice")
	case t.file >= 0 && h.kind != kindFile:
		return 0, errors.New("the archive holds no file where the restored path is a single file")
	case t.file < 0 && h.kind != kindFolder:
		return 0, errors.New("the archive holds a file where the restored path is a folder")
	}
	t.root = h
	if t.file < 0 {
		return x.sum(""), nil
	}
	if h.size > mostInPlace {
		return 0, fmt.Errorf("a single file that is a mount itself may have %d bytes at most: mount its folder instead", mostInPlace)
	}
	return x.content(t.file, h)
}

// checkMember refuses every path that is not plainly below its root.
func checkMember(p string) error {
	if p == "" || path.IsAbs(p) || strings.Contains(p, "\x00") {
		return errors.New("the path is not a relative one")
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return errors.New("the path leads elsewhere")
		}
	}
	return nil
}

func (x *extractor) sum(s string) uint64 { return xxhash.Sum64String(s) }

func (x *extractor) child(t *tree, rel string, h *header) (uint64, error) {
	up, name := splitPath(rel)
	dir, err := x.folder(t, up)
	if err != nil {
		return 0, err
	}
	switch h.kind {
	case kindFile:
		return x.file(dir, name, h)
	case kindFolder:
		return x.sum(""), x.newFolder(t, rel, dir, name, h)
	case kindHard:
		return x.sum(h.link), x.hardLink(t, dir, name, h)
	case kindLink:
		if err := unix.Symlinkat(h.link, dir, name); err != nil {
			return 0, exists(err)
		}
		return x.sum(h.link), x.finish(-1, dir, name, h)
	default:
		return x.sum(""), x.node(dir, name, h)
	}
}

func splitPath(rel string) (up, name string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return "", rel
}

func exists(err error) error {
	if errors.Is(err, unix.EEXIST) {
		return errors.New("the archive holds this member twice")
	}
	return err
}

// folder gives the open folder at rel. Members come in the order of a walk, so it is nearly always the last one or
// one above it.
func (x *extractor) folder(t *tree, rel string) (int, error) {
	keep := len(x.stack)
	for keep > 0 && !x.stack[keep-1].holds(t, rel) {
		keep--
	}
	if err := x.pop(keep); err != nil {
		return -1, err
	}
	fd, at := t.fd, ""
	if keep > 0 {
		fd, at = x.stack[keep-1].fd, x.stack[keep-1].rel
	}
	rest := strings.Trim(strings.TrimPrefix(rel, at), "/")
	if rest == "" {
		return fd, nil
	}
	for part := range strings.SplitSeq(rest, "/") {
		next, err := openBeneath(fd, part, unix.O_RDONLY|unix.O_DIRECTORY)
		if errors.Is(err, unix.ENOENT) && t.implicit {
			if err = unix.Mkdirat(fd, part, 0o755); err == nil {
				next, err = openBeneath(fd, part, unix.O_RDONLY|unix.O_DIRECTORY)
			}
		}
		if err != nil {
			return -1, fmt.Errorf("open folder %q that should hold it: %w", part, err)
		}
		at = path.Join(at, part)
		x.stack = append(x.stack, openFolder{t: t, rel: at, fd: next})
		fd = next
	}
	return fd, nil
}

func (f openFolder) holds(t *tree, rel string) bool {
	return f.t == t && (rel == f.rel || strings.HasPrefix(rel, f.rel+"/"))
}

// pop closes folders down to the given depth and sets their metadata, which filling them would have changed.
func (x *extractor) pop(depth int) error {
	for len(x.stack) > depth {
		f := x.stack[len(x.stack)-1]
		x.stack = x.stack[:len(x.stack)-1]
		var err error
		if f.h != nil {
			err = x.finish(f.fd, f.fd, "", f.h)
		}
		_ = unix.Close(f.fd)
		if err != nil {
			return fmt.Errorf("finish folder /%s: %w", printable(f.h.path), err)
		}
	}
	return nil
}

func (x *extractor) closeAll() {
	for _, f := range x.stack {
		_ = unix.Close(f.fd)
	}
	x.stack = nil
}

func (x *extractor) newFolder(t *tree, rel string, dir int, name string, h *header) error {
	err := unix.Mkdirat(dir, name, 0o700)
	if err != nil && (!t.implicit || !errors.Is(err, unix.EEXIST)) {
		return exists(err)
	}
	fd, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	x.stack = append(x.stack, openFolder{t: t, rel: rel, fd: fd, h: h})
	return nil
}

// hardLink links to an earlier member of the same root, found step by step from the root.
func (x *extractor) hardLink(t *tree, dir int, name string, h *header) error {
	if err := checkMember(h.link); err != nil {
		return fmt.Errorf("hard link to %q: %w", h.link, err)
	}
	other, rel, err := x.place(h.link)
	if err != nil || other != t || rel == "" {
		return fmt.Errorf("hard link to %q: it lies outside of the same path", h.link)
	}
	up, target := splitPath(rel)
	from := t.fd
	if up != "" {
		for part := range strings.SplitSeq(up, "/") {
			next, err := openBeneath(from, part, unix.O_PATH|unix.O_DIRECTORY)
			if from != t.fd {
				_ = unix.Close(from)
			}
			if err != nil {
				return fmt.Errorf("hard link to %q: %w", h.link, err)
			}
			from = next
		}
		defer unix.Close(from)
	}
	if err := unix.Linkat(from, target, dir, name, 0); err != nil {
		return fmt.Errorf("hard link to %q: %w", h.link, exists(err))
	}
	return nil
}

func (x *extractor) node(dir int, name string, h *header) error {
	mode, dev := uint32(unix.S_IFIFO), uint64(0)
	switch h.kind {
	case kindChar:
		mode, dev = unix.S_IFCHR, unix.Mkdev(h.major, h.minor)
	case kindBlock:
		mode, dev = unix.S_IFBLK, unix.Mkdev(h.major, h.minor)
	}
	if err := unix.Mknodat(dir, name, mode|0o600, int(dev)); err != nil {
		if x.lenient && errors.Is(err, unix.EPERM) {
			x.notes.add(noteOwner, h.path)
			return nil
		}
		return exists(err)
	}
	return x.finish(-1, dir, name, h)
}
