package sqlitefile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/simpledeploy/backup/runner/filetree"
)

// The forms of a dump.
const (
	FormSingle = ".db"
	FormTar    = ".tar"
)

// File is one database of a dump, as it was in its container.
type File struct {
	Path  string `json:"path"`
	Mode  uint32 `json:"mode"`
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Sec   int64  `json:"sec"`
	Nsec  int64  `json:"nsec,omitempty"`
	Bytes int64  `json:"bytes"`
}

// Result is what a dump or a restore was about.
type Result struct {
	Files    []File           `json:"files"`
	Bytes    int64            `json:"bytes"`
	Tables   int64            `json:"tables"`
	Rows     int64            `json:"rows"`
	Detail   map[string]int64 `json:"detail,omitempty"` // rows by table; with several files "path: table"
	Warnings []string         `json:"warnings,omitempty"`
	Digest   string           `json:"digest,omitempty"`  // after the restore of a tar: of its members, as filetree counts it
	Nothing  bool             `json:"nothing,omitempty"` // the error says that there is no database
}

// DumpOptions say what is dumped, in which form, and where its copies may lie meanwhile.
type DumpOptions struct {
	FindOptions
	Form string // FormSingle, FormTar; empty: as many databases as there are decide
	Work string // an empty folder
}

// Dump writes the databases that Find finds to w. All are copied before the first byte is written, so that a writer
// that is slow keeps nobody waiting, and one database is not much older than the others.
func Dump(ctx context.Context, roots []filetree.Root, opt DumpOptions, w io.Writer) (res Result, err error) {
	if opt.Work == "" {
		return Result{}, errors.New("there is no folder for copies")
	}
	sources, err := Find(ctx, roots, opt.FindOptions)
	if err != nil {
		return Result{Nothing: errors.Is(err, ErrNothing)}, err
	}
	if opt.Form == FormSingle && len(sources) > 1 {
		return Result{}, fmt.Errorf("there are %d databases now, and there was one when the run began: run again", len(sources))
	}
	// Umask is 0 in the helper, but a volume of the engine's own is root's: owners must be able to write here.
	if err := os.Chmod(opt.Work, 0o777); err != nil && !errors.Is(err, unix.EPERM) {
		return Result{}, fmt.Errorf("open the folder for copies to owners: %w", err)
	}
	d := &dump{ctx: ctx, work: opt.Work}
	defer func() { err = errors.Join(err, d.removeCopies()) }()
	if err := d.copyAll(sources); err != nil {
		return Result{}, err
	}
	if err := d.checkAll(); err != nil {
		return Result{}, err
	}
	if opt.Form == FormTar || opt.Form == "" && len(d.res.Files) > 1 {
		return d.res, d.writeTar(w)
	}
	return d.res, d.writeFile(w, 0)
}

type dump struct {
	ctx  context.Context
	work string
	res  Result
}

func (d *dump) copy(i int) string { return filepath.Join(d.work, "copy-"+strconv.Itoa(i)) }

func (d *dump) removeCopies() error {
	var errs []error
	for i := range len(d.res.Files) + 1 { // one may have failed half way
		errs = append(errs, remove(d.copy(i)))
	}
	return errors.Join(errs...)
}

func (d *dump) copyAll(sources []Source) error {
	for _, src := range sources {
		f, err := copyOf(d.ctx, src, d.copy(len(d.res.Files)))
		if err != nil && !src.Named && gone(src.Here) {
			d.res.Warnings = append(d.res.Warnings, src.Path+" vanished before it could be copied")
			if err := remove(d.copy(len(d.res.Files))); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("database %s %w", src.Path, err)
		}
		d.res.Files = append(d.res.Files, f)
		d.res.Bytes += f.Bytes
	}
	if len(d.res.Files) == 0 {
		return fmt.Errorf("%w any more: all that were found have vanished", ErrNothing)
	}
	return nil
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// checkAll sees that each copy is sound, with the rights of the database's owner: a file may be made to do harm to who
// reads it.
func (d *dump) checkAll() error {
	for i, f := range d.res.Files {
		var st unix.Stat_t
		if err := unix.Lstat(d.copy(i), &st); err != nil {
			return fmt.Errorf("look at the copy of %s: %w", f.Path, err)
		}
		var c Counts
		err := as(st.Uid, st.Gid, func() (err error) {
			c, err = check(d.ctx, d.copy(i))
			return err
		})
		if err != nil {
			return fmt.Errorf("database %s %w", f.Path, err)
		}
		d.res.add(f.Path, c, len(d.res.Files) > 1)
	}
	return nil
}

// add sums up. Tables are named with their file only where there are several.
func (r *Result) add(path string, c Counts, several bool) {
	r.Tables += c.Tables
	r.Rows += c.Rows
	for _, w := range c.Warnings {
		r.Warnings = append(r.Warnings, path+": "+w)
	}
	if r.Detail == nil {
		r.Detail = map[string]int64{}
	}
	if !several {
		maps.Copy(r.Detail, c.ByTable)
		return
	}
	for name, n := range c.ByTable {
		if len(r.Detail) < mostTables {
			r.Detail[path+": "+name] = n
		}
	}
}

func (d *dump) writeFile(w io.Writer, i int) error {
	f, err := os.Open(d.copy(i))
	if err != nil {
		return fmt.Errorf("read the copy: %w", err)
	}
	defer f.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{f}, make([]byte, 256<<10))
	if err != nil {
		return fmt.Errorf("write the copy of %s: %w", d.res.Files[i].Path, err)
	}
	if n != d.res.Files[i].Bytes {
		return fmt.Errorf("the copy of %s had %d bytes and has %d now", d.res.Files[i].Path, d.res.Files[i].Bytes, n)
	}
	return nil
}

func (d *dump) writeTar(w io.Writer) error {
	t := tar.NewWriter(w)
	for i, f := range d.res.Files {
		if err := t.WriteHeader(f.header()); err != nil {
			return fmt.Errorf("write archive: %w", err)
		}
		if err := d.writeFile(t, i); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func (f File) header() *tar.Header {
	return &tar.Header{
		Typeflag: tar.TypeReg, Format: tar.FormatPAX, Name: strings.TrimPrefix(f.Path, "/"), Mode: int64(f.Mode),
		Uid: int(f.UID), Gid: int(f.GID), Size: f.Bytes, ModTime: time.Unix(f.Sec, f.Nsec),
	}
}
