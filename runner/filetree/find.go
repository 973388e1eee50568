package filetree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Found is one regular file below a root.
type Found struct {
	Path  string // absolute, in the container
	Here  string // the same file as it is reached from here
	Alone bool   // it is a mount itself: what lies beside it in the container cannot be seen here
	Head  []byte // its first bytes, as many as were asked for where it has them
}

// FindFiles visits every regular file of the roots that Archive would take, in the walk's order, with its first bytes.
// Links are not followed and other mounts not entered; what vanishes meanwhile is passed over. A root that is not there
// is an error that wraps ENOENT.
func FindFiles(ctx context.Context, roots []Root, opt ArchiveOptions, head int, visit func(Found) error) error {
	if err := checkRoots(roots); err != nil {
		return err
	}
	skip, err := parsePatterns(opt.Exclude)
	if err != nil {
		return err
	}
	f := &finder{roots: roots, buf: make([]byte, head), visit: visit}
	w := &walker{
		ctx: ctx, roots: roots, skip: skip, covered: members(opt.Covered), opt: opt, notes: &notes{}, pool: &batches{}, xbuf: make([]byte, 64<<10),
	}
	w.send = func(b *batch) error {
		defer w.pool.put(b)
		for i := range b.items {
			if err := f.item(&b.items[i]); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		if w.cur != nil { // an error left it behind, with open folders
			w.pool.put(w.cur)
		}
	}()
	for i := range roots {
		if err := w.root(i); err != nil {
			return fmt.Errorf("look into %s: %w", roots[i].Path, err)
		}
	}
	return w.flush()
}

// MatchPath says whether a path fits a pattern of the same number of names; "**" stands for any number of them.
func MatchPath(pattern, path string) bool {
	return matchParts(strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/"))
}

type finder struct {
	roots []Root
	buf   []byte
	visit func(Found) error
}

func (f *finder) item(it *item) error {
	if it.head != nil || !it.file && !isFile(it) {
		return nil
	}
	fd, err := openFile(it)
	if done, err := gone(&notes{}, it.path, err); done || err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), it.path)
	defer file.Close()
	n, err := io.ReadFull(file, f.buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read /%s: %w", printable(it.path), err)
	}
	r := f.roots[it.root]
	here := path.Join(r.Mount, r.Sub, strings.TrimPrefix(it.path, r.member()))
	return f.visit(Found{Path: "/" + it.path, Here: here, Alone: it.name == ".", Head: f.buf[:n]})
}

// isFile looks where the file system did not tell the kind with the name.
func isFile(it *item) bool {
	var st unix.Stat_t
	return unix.Fstatat(it.dir.fd, it.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}
