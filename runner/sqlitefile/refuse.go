package sqlitefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner/filetree"
)

// databaseNames are the ends of names that only a database has. One so called whose header was overwritten is a damaged
// database, and a restore is the cure for it.
var databaseNames = []string{".db", ".db3", ".s3db", ".sdb", ".sqlite", ".sqlite2", ".sqlite3", ".sl3"}

// sideBegins are what the files beside a database begin with: the log in both byte orders, its index, the journal, and
// a journal that is over.
var sideBegins = []string{"\x37\x7f\x06\x82", "\x37\x7f\x06\x83", "\x18\xe2\x2d\x00", "\x00\x2d\xe2\x18", "\xd9\xd5\x05\xf9", "\x00\x00\x00\x00"}

// refuseForeign refuses to replace what is no database. The paths come with the backup, and whoever can write to a
// target can write those.
func refuseForeign(roots []filetree.Root) error {
	for _, r := range roots {
		begins, there, err := beginning(r)
		if err != nil {
			return err
		}
		named := slices.Contains(databaseNames, strings.ToLower(path.Ext(r.Path)))
		ours := there && begins == magic || named
		if there && begins != "" && !ours {
			return fmt.Errorf("%s is there and is no SQLite database: it is not replaced; move it away if the database belongs there", r.Path)
		}
		for _, side := range sides {
			beside := filetree.Root{Path: r.Path + side, Mount: r.Mount, Sub: r.Sub + side}
			begins, there, err := beginning(beside)
			if err != nil {
				return err
			}
			known := slices.ContainsFunc(sideBegins, func(b string) bool { return strings.HasPrefix(begins, b) })
			if there && begins != "" && !ours && !known {
				return fmt.Errorf("%s is there and is nothing that SQLite keeps: it is not removed; move it away if the database belongs beside it", beside.Path)
			}
		}
	}
	return nil
}

// beginning is what a regular file begins with, as far as a database's magic goes. A link is none: what it names is not
// touched.
func beginning(r filetree.Root) (begins string, there bool, err error) {
	mount, err := os.OpenRoot(r.Mount)
	if err != nil {
		return "", false, fmt.Errorf("open the mount of %s: %w", r.Path, err)
	}
	defer mount.Close()
	sub := strings.Trim(r.Sub, "/")
	st, err := mount.Lstat(sub)
	switch {
	case err != nil: // what stands in the way is told by whoever makes the way
		return "", false, nil
	case st.Mode()&os.ModeSymlink != 0:
		return "", false, nil
	case !st.Mode().IsRegular():
		return "", false, fmt.Errorf("%s is there and is no file (%s): it is not replaced", r.Path, st.Mode().Type())
	}
	f, err := mount.Open(sub)
	if err != nil {
		return "", false, fmt.Errorf("look at %s: %w", r.Path, err)
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", false, fmt.Errorf("look at %s: %w", r.Path, err)
	}
	return string(head[:n]), true, nil
}

// plainMode takes setuid, setgid and sticky from an unpacked database: no database needs them, and who forges a backup
// would.
func plainMode(here string) error {
	st, err := os.Lstat(here)
	if err != nil {
		return fmt.Errorf("look at what was unpacked: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode()&(os.ModeSetuid|os.ModeSetgid|os.ModeSticky) == 0 {
		return nil
	}
	if err := os.Chmod(here, st.Mode().Perm()); err != nil {
		return fmt.Errorf("take the special bits from what was unpacked: %w", err)
	}
	return nil
}
