package sqlitefile

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/simpledeploy/backup/runner/filetree"
)

// RestoreOptions say what the stream holds.
type RestoreOptions struct {
	Token string // as in filetree.RestoreOptions
	Files []File // of the backup: where each belongs, and to whom
}

// Restore puts the databases in r in the place of those at the roots, one root for each file. It reads r to its end
// first; any error until then, also one in the place of io.EOF, leaves everything as it was, and so does a database
// that is not sound, or a place where something else than a database is. What SQLite kept beside the replaced ones is gone
// afterwards; setuid, setgid and sticky are not given back.
func Restore(ctx context.Context, roots []filetree.Root, opt RestoreOptions, r io.Reader) (Result, error) {
	all, absent, err := withSides(roots)
	if err != nil {
		return Result{}, err
	}
	if err := refuseForeign(roots); err != nil {
		return Result{}, err
	}
	archive, err := asArchive(opt.Files, r)
	if err != nil {
		return Result{}, err
	}
	made, err := makeWays(roots, opt.Files)
	if err != nil {
		return Result{}, errors.Join(err, unmake(made))
	}
	var res Result
	sum, err := filetree.Restore(ctx, all, filetree.RestoreOptions{
		Token: opt.Token, Absent: absent,
		Check: func(root filetree.Root, here string) error {
			if err := plainMode(here); err != nil {
				return err
			}
			c, err := check(ctx, here)
			if err == nil {
				res.add(root.Path, c, len(opt.Files) > 1)
			}
			return err
		},
	}, archive)
	if err != nil {
		return Result{}, errors.Join(err, unmake(made))
	}
	res.Files, res.Bytes = opt.Files, sum.Bytes
	if archive.tar {
		res.Digest = sum.Digest
	}
	res.Warnings = append(res.Warnings, sum.Warnings...)
	if sum.Entries != int64(len(opt.Files)) {
		res.Warnings = append(res.Warnings, fmt.Sprintf("the backup held %d databases, its manifest names %d", sum.Entries, len(opt.Files)))
	}
	return res, nil
}

// Recover finishes or undoes the restore with this token that a crash has interrupted.
func Recover(ctx context.Context, roots []filetree.Root, token string) error {
	all, _, err := withSides(roots)
	if err != nil {
		return err
	}
	return filetree.Recover(ctx, all, token)
}

// withSides adds what stands beside each database, and names it.
func withSides(roots []filetree.Root) (all []filetree.Root, absent []string, err error) {
	if len(roots) == 0 {
		return nil, nil, errors.New("no database is named")
	}
	for _, r := range roots {
		if r.Sub == "" {
			return nil, nil, fmt.Errorf("%s is a mount of its own: it cannot be replaced together with what SQLite keeps beside it; mount its folder instead", r.Path)
		}
		all = append(all, r)
		for _, side := range sides {
			all = append(all, filetree.Root{Path: r.Path + side, Mount: r.Mount, Sub: r.Sub + side})
			absent = append(absent, r.Path+side)
		}
	}
	return all, absent, nil
}

// archived is a tar, which it may have been before.
type archived struct {
	io.Reader
	tar bool
}

// asArchive is the stream as the tar that filetree reads: it is one, or it becomes one around a single database.
func asArchive(files []File, r io.Reader) (*archived, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(100)
	if err != nil {
		return nil, fmt.Errorf("read the backup's beginning: %w", noEOF(err))
	}
	if !bytes.HasPrefix(head, []byte(magic)) {
		return &archived{in, true}, nil
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("the backup is a single database, and %d are named", len(files))
	}
	f := files[0]
	if f.Bytes = sizeIn(head); f.Bytes == 0 {
		return nil, errors.New("the backup's header is damaged")
	}
	var front bytes.Buffer
	if err := tar.NewWriter(&front).WriteHeader(f.header()); err != nil {
		return nil, fmt.Errorf("frame the backup: %w", err)
	}
	end := make([]byte, -f.Bytes&511+1024)
	return &archived{io.MultiReader(&front, &exactly{r: in, left: f.Bytes}, bytes.NewReader(end)), false}, nil
}

// sizeIn is what a database's header says of its size: pages times their size; 0: nonsense.
func sizeIn(head []byte) int64 {
	page := int64(binary.BigEndian.Uint16(head[16:18]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 {
		return 0
	}
	return page * int64(binary.BigEndian.Uint32(head[28:32]))
}

// exactly reads so many bytes and then insists on the stream's own end, which may be withheld.
type exactly struct {
	r    io.Reader
	left int64
	done bool
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left > 0 {
		n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
		e.left -= int64(n)
		if errors.Is(err, io.EOF) && e.left == 0 {
			err = nil
		}
		return n, noEOF(err)
	}
	if e.done {
		return 0, io.EOF
	}
	var one [1]byte
	n, err := io.ReadFull(e.r, one[:])
	if n > 0 {
		return 0, errors.New("read the backup: something follows its last page")
	}
	e.done = errors.Is(err, io.EOF)
	return 0, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeWays makes the folders that lead to a database and are not there, for its owner: he must be able to write beside
// it.
func makeWays(roots []filetree.Root, files []File) (made []string, err error) {
	owners := map[string]File{}
	for _, f := range files {
		owners[path.Clean(f.Path)] = f
	}
	for _, r := range roots {
		f, known := owners[path.Clean(r.Path)]
		if !known {
			return made, fmt.Errorf("%s is not in the backup", r.Path)
		}
		mount, err := os.OpenRoot(r.Mount)
		if err != nil {
			return made, fmt.Errorf("open the mount of %s: %w", r.Path, err)
		}
		at := ""
		for _, part := range strings.Split(path.Dir(strings.Trim(r.Sub, "/")), "/") {
			at = path.Join(at, part)
			err = mount.Mkdir(at, 0o755)
			if errors.Is(err, os.ErrExist) {
				err = nil
				continue
			}
			if err == nil {
				made = append(made, path.Join(r.Mount, at))
				err = mount.Lchown(at, int(f.UID), int(f.GID))
			}
			if err != nil {
				break
			}
		}
		if err = errors.Join(err, mount.Close()); err != nil {
			return made, fmt.Errorf("make the way to %s: %w", r.Path, err)
		}
	}
	return made, nil
}

// unmake removes what makeWays made, as far as nothing is in it.
func unmake(made []string) error {
	var errs []error
	for i := len(made) - 1; i >= 0; i-- {
		if err := os.Remove(made[i]); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
