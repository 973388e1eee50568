package filetree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// walker lists folders and hands their members on in batches, a folder always before what is in it. It holds one
// chunk of names per level, so its memory does not depend on how many files there are.
type walker struct {
	ctx     context.Context
	roots   []Root
	skip    *patterns
	covered map[string]bool // members over which the container has another mount
	opt     ArchiveOptions
	notes   *notes
	pool    *batches
	send    func(*batch) error
	cur     *batch
	xbuf    []byte
	taken   int // roots that gave something
}

func (w *walker) walk() error {
	for i := range w.roots {
		if err := w.root(i); err != nil {
			return fmt.Errorf("archive %s: %w", w.roots[i].Path, err)
		}
	}
	if w.taken == 0 {
		return errors.New("archive: none of the paths holds anything that can be archived")
	}
	return w.flush()
}

func (w *walker) root(i int) error {
	r := w.roots[i]
	dir, name, err := r.splitRoot(false)
	if err != nil {
		return err
	}
	up := newFolder(dir)
	defer up.release()
	var st unix.Stat_t
	flags := unix.AT_SYMLINK_NOFOLLOW
	at := name
	if name == "." {
		at, flags = "", unix.AT_EMPTY_PATH
	}
	if err := unix.Fstatat(dir, at, &st, flags); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		fd, err := openRootToRead(dir, name, unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		w.taken++
		return w.folder(i, "", newFolder(fd))
	case unix.S_IFREG:
		if w.opt.Defaults && members(w.opt.ReadOnly)[r.member()] {
			return nil
		}
	default:
		if w.opt.Defaults {
			return nil
		}
		return errors.New("is neither a folder nor a regular file; name the folder that holds it")
	}
	w.taken++
	return w.emit(item{dir: up.retain(), name: name, path: r.member(), root: i, file: true})
}

func (w *walker) member(root int, rel string) string {
	if rel == "" {
		return w.roots[root].member()
	}
	return w.roots[root].member() + "/" + rel
}

// folder writes the folder's own header, then walks what is in it. It takes over d.
func (w *walker) folder(root int, rel string, d *folder) error {
	defer d.release()
	path := w.member(root, rel)
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return fmt.Errorf("stat /%s: %w", printable(path), err)
	}
	h := &header{path: path}
	h.fill(&st)
	var err error
	if h.xattrs, err = keepXattrs(fdXattrs(d.fd, w.xbuf))(w.notes, path); err != nil {
		return fmt.Errorf("/%s: %w", printable(path), err)
	}
	if err := w.emit(item{head: h}); err != nil {
		return err
	}
	return w.children(root, rel, d)
}

func (w *walker) children(root int, rel string, d *folder) error {
	buf := make([]byte, 32<<10)
	var names []dirent
	for {
		n, err := unix.Getdents(d.fd, buf)
		if errors.Is(err, unix.ENOENT) { // removed while we list it
			return nil
		}
		if err != nil {
			return fmt.Errorf("list /%s: %w", printable(w.member(root, rel)), err)
		}
		if n == 0 {
			return nil
		}
		if names, err = parseDirents(buf[:n], names[:0]); err != nil {
			return err
		}
		slices.SortFunc(names, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
		for _, e := range names {
			if err := w.child(root, rel, d, e); err != nil {
				return err
			}
		}
	}
}

func (w *walker) child(root int, rel string, d *folder, e dirent) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	childRel := e.name
	if rel != "" {
		childRel = rel + "/" + e.name
	}
	path := w.member(root, childRel)
	switch {
	case w.skip.match(w.roots[root].member(), childRel), w.isRoot(path), w.covered[path]:
		return nil
	case strings.HasPrefix(e.name, StagingPrefix) && e.kind != unix.DT_REG:
		w.notes.add(noteLeftover, path)
		return nil
	}
	kind := e.kind
	if kind == unix.DT_UNKNOWN {
		var st unix.Stat_t
		if err := unix.Fstatat(d.fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			kind = unix.DT_DIR
		}
	}
	if kind != unix.DT_DIR {
		return w.emit(item{dir: d.retain(), name: e.name, path: path, root: root, file: kind == unix.DT_REG})
	}
	fd, err := openToRead(d.fd, e.name, unix.O_DIRECTORY)
	if done, err := w.gone(path, err); done || err != nil {
		return err
	}
	return w.folder(root, childRel, newFolder(fd))
}

// isRoot tells whether another root covers this member: in the container that one is seen there.
func (w *walker) isRoot(path string) bool {
	return slices.ContainsFunc(w.roots, func(r Root) bool { return r.member() == path })
}

func (w *walker) gone(path string, err error) (bool, error) { return gone(w.notes, path, err) }

// gone sorts the errors of opening a child: what vanished or is another mount is noted, all else is fatal.
func gone(n *notes, path string, err error) (bool, error) {
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, unix.EXDEV):
		n.add(noteMount, path)
		return true, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENXIO):
		n.add(noteVanished, path) // gone, or something else has its name now
		return true, nil
	}
	return true, fmt.Errorf("open /%s: %w", printable(path), err)
}

func (w *walker) emit(it item) error {
	if w.cur == nil {
		w.cur = w.pool.get()
	}
	w.cur.items = append(w.cur.items, it)
	if len(w.cur.items) < batchItems {
		return nil
	}
	return w.flush()
}

func (w *walker) flush() error {
	if w.cur == nil {
		return nil
	}
	b := w.cur
	w.cur = nil
	return w.send(b)
}

// keepXattrs notes attributes that the format cannot hold.
func keepXattrs(list []xattr, err error) func(*notes, string) ([]xattr, error) {
	return func(n *notes, path string) ([]xattr, error) {
		if len(list) == 0 || err != nil {
			return nil, err
		}
		kept, dropped := dropUnnameable(list)
		if dropped {
			n.add(noteXattr, path)
		}
		return kept, nil
	}
}
