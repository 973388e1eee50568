package filetree

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// mostInPlace bounds a single file that is a mount itself: it is held in memory until the archive has proved whole.
const mostInPlace = 32 << 20

// place is one root being restored. Its hidden folder holds new/ (unpacked), old/ (replaced), kept (what stays) and
// state (the journal).
type place struct {
	root  Root
	base  int    // the folder whose children are swapped; -1 for a file that is a mount itself
	only  string // the one child that is swapped; empty: all of them
	stage int
	fresh int
	old   int
	tree  *tree
	used  bool // the archive holds something of it
	kept  []string
	state state
	file  int // the mounted file
}

// stageName is the same for a restore and for the recovery of it, and differs between roots in one folder.
func stageName(token string, r Root) string {
	return fmt.Sprintf("%s%s-%08x", StagingPrefix, token, uint32(xxhash.Sum64String(r.member())))
}

const tokenLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func checkToken(token string) error {
	if token == "" || len(token) > 64 {
		return fmt.Errorf("restore token %q: must have 1 to 64 characters", token)
	}
	for _, c := range []byte(token) {
		if !strings.ContainsRune(tokenLetters, rune(c)) {
			return fmt.Errorf("restore token %q: may hold letters, digits, - and _ only", token)
		}
	}
	return nil
}

// openPlace finds what is at the root now and opens the folder whose children will be swapped.
func openPlace(r Root, create bool) (*place, error) {
	p := &place{root: r, base: -1, stage: -1, fresh: -1, old: -1, file: -1, tree: &tree{fd: -1, file: -1}}
	dir, name, err := r.splitRoot(create)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := openRootToRead(dir, name, unix.O_DIRECTORY)
	switch {
	case err == nil:
		p.base = fd
	case errors.Is(err, unix.ENOTDIR) && name == ".":
		if p.file, err = open(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", dir), unix.O_RDWR|unix.O_NONBLOCK); err != nil {
			return nil, fmt.Errorf("open %s to overwrite it: %w", r.Path, err)
		}
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOENT):
		if p.base, err = open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
			return nil, fmt.Errorf("open the folder of %s: %w", r.Path, err)
		}
		p.only, p.tree.prefix = name, name
	default:
		return nil, fmt.Errorf("open %s: %w", r.Path, err)
	}
	return p, nil
}

// begin makes the hidden folder.
func (p *place) begin(token string) error {
	if p.base < 0 {
		fd, err := unix.MemfdCreate("restore", unix.MFD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("make room in memory for %s: %w", p.root.Path, err)
		}
		p.tree.file = fd
		return nil
	}
	var err error
	if p.state.Old, err = readMeta(p.base); err != nil {
		return fmt.Errorf("read metadata of %s: %w", p.root.Path, err)
	}
	p.state.Only = p.only
	name := stageName(token, p.root)
	if err := unix.Mkdirat(p.base, name, 0o700); err != nil {
		return fmt.Errorf("make a folder for the restore in %s: %w", p.root.Path, err)
	}
	if p.stage, err = openBeneath(p.base, name, unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
		return fmt.Errorf("open the folder of the restore in %s: %w", p.root.Path, err)
	}
	// A default ACL of the root would be inherited by all that is unpacked.
	for _, acl := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
		if err := unix.Fremovexattr(p.stage, acl); err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("clear the ACL of the restore's folder in %s: %w", p.root.Path, err)
		}
	}
	if err := errors.Join(unix.Mkdirat(p.stage, "new", 0o700), unix.Mkdirat(p.stage, "old", 0o700)); err != nil {
		return fmt.Errorf("make a folder for the restore in %s: %w", p.root.Path, err)
	}
	return p.openHalves()
}

func (p *place) openHalves() (err error) {
	if p.fresh, err = openBeneath(p.stage, "new", unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
		return fmt.Errorf("open what was unpacked: %w", err)
	}
	if p.old, err = openBeneath(p.stage, "old", unix.O_RDONLY|unix.O_DIRECTORY); err != nil {
		return fmt.Errorf("open what was replaced: %w", err)
	}
	p.tree.fd = p.fresh
	return nil
}

func (p *place) close() {
	for _, fd := range []*int{&p.base, &p.stage, &p.fresh, &p.old, &p.file, &p.tree.file} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
			*fd = -1
		}
	}
}

// remove takes the hidden folder away, the journal last, and gives the root the metadata that it shall have: m.
func (p *place) remove(token string, m *meta) error {
	if p.base < 0 {
		return nil
	}
	name := stageName(token, p.root)
	for _, part := range []string{"new", "old", "kept", "state.tmp", "state"} {
		if p.stage < 0 {
			break
		}
		if err := removeTree(p.stage, part); err != nil {
			return fmt.Errorf("remove %q of the restore in %s: %w", part, p.root.Path, err)
		}
	}
	if err := removeTree(p.base, name); err != nil {
		return fmt.Errorf("remove the folder of the restore in %s: %w", p.root.Path, err)
	}
	if m == nil {
		return nil
	}
	return m.apply(p.base)
}

// removeTree removes a name and all below it. It enters no other mount and follows no link.
func removeTree(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	fd, openErr := openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	defer unix.Close(fd)
	names, err := listNames(fd)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := removeTree(fd, n); err != nil {
			return err
		}
	}
	return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// overwrite puts the content of one file into another, from the beginning, and gives it the header's metadata.
func overwrite(to, from int) error {
	if _, err := unix.Seek(from, 0, unix.SEEK_SET); err != nil {
		return err
	}
	if _, err := unix.Seek(to, 0, unix.SEEK_SET); err != nil {
		return err
	}
	if err := unix.Ftruncate(to, 0); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := readFull(from, buf)
		if err != nil || n == 0 {
			return err
		}
		for done := 0; done < n; {
			m, err := unix.Write(to, buf[done:n])
			if err != nil {
				return err
			}
			if m == 0 {
				return io.ErrShortWrite
			}
			done += m
		}
	}
}
