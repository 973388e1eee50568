package filetree

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// findKept lists what must be left alone in a place: what a pattern excludes or another mount covers, as far as the
// archive does not hold it, and mounts that stand in it. It runs before anything is touched.
func (p *place) findKept(skip *patterns, covered []string) error {
	if p.base < 0 || p.only != "" {
		return nil
	}
	if !skip.empty() {
		if err := p.findExcluded(p.base, "", skip); err != nil {
			return fmt.Errorf("look for excluded files in %s: %w", p.root.Path, err)
		}
	}
	for _, c := range covered {
		if _, rel, ok := owner([]Root{p.root}, Root{Path: c}.member()); ok && rel != "" {
			p.keep(rel)
		}
	}
	if err := p.findMounts(); err != nil {
		return err
	}
	for _, rel := range p.kept {
		if err := p.makeWay(rel); err != nil {
			return fmt.Errorf("keep /%s/%s: %w", p.root.member(), printable(rel), err)
		}
	}
	return p.writeFile("kept", []byte(strings.Join(p.kept, "\x00")))
}

// keep adds what exists now, is not in the archive, and does not lie below what is kept already.
func (p *place) keep(rel string) {
	for _, k := range p.kept {
		if rel == k || strings.HasPrefix(rel, k+"/") {
			return
		}
	}
	if !there(p.base, rel) || there(p.fresh, rel) {
		return
	}
	p.kept = append(p.kept, rel)
}

func there(dir int, rel string) bool {
	up, name := splitPath(rel)
	if up != "" {
		fd, err := openWay(dir, up)
		if err != nil {
			return false
		}
		defer unix.Close(fd)
		dir = fd
	}
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

func (p *place) findExcluded(dir int, rel string, skip *patterns) error {
	names, err := listNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		child := name
		if rel != "" {
			child = rel + "/" + name
		} else if strings.HasPrefix(name, StagingPrefix) {
			continue
		}
		if skip.match(p.root.member(), child) && !there(p.fresh, child) {
			p.keep(child)
			continue
		}
		fd, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
			continue
		}
		if err == nil {
			err = p.findExcluded(fd, child, skip)
			_ = unix.Close(fd)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// findMounts keeps mounts that stand right below the root; deeper ones cannot be kept while the folder around them is
// replaced, as a mount's root cannot be renamed.
func (p *place) findMounts() error {
	at, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", p.base))
	if err != nil {
		return fmt.Errorf("look for mounts in %s: %w", p.root.Path, err)
	}
	points, err := mountPoints()
	if err != nil {
		return fmt.Errorf("look for mounts in %s: %w", p.root.Path, err)
	}
	for _, m := range points {
		rel, ok := strings.CutPrefix(m, at+"/")
		if !ok {
			continue
		}
		below := func(k string) bool { return strings.HasPrefix(rel, k+"/") }
		if strings.Contains(rel, "/") && !slices.ContainsFunc(p.kept, below) || there(p.fresh, rel) {
			return fmt.Errorf("%s/%s is a mount of its own and cannot be replaced: unmount it for the restore, or exclude it", p.root.Path, rel)
		}
		p.keep(rel)
	}
	return nil
}

func mountPoints() ([]string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 4 {
			out = append(out, unescape(f[4]))
		}
	}
	return out, nil
}

// unescape turns the octal escapes of mountinfo into bytes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// makeWay makes the folders in new/ that lead to what is kept, like those that lead to it now.
func (p *place) makeWay(rel string) error {
	parts := strings.Split(rel, "/")
	for i := 1; i < len(parts); i++ {
		way := strings.Join(parts[:i], "/")
		if there(p.fresh, way) {
			continue
		}
		if err := p.copyFolder(way); err != nil {
			return err
		}
	}
	if len(parts) > 1 {
		fd, err := openWay(p.fresh, strings.Join(parts[:len(parts)-1], "/"))
		if err != nil {
			return fmt.Errorf("the archive holds a file where its folder is: %w", err)
		}
		return unix.Close(fd)
	}
	return nil
}

func (p *place) copyFolder(way string) error {
	from, err := openWay(p.base, way)
	if err != nil {
		return err
	}
	defer unix.Close(from)
	m, err := readMeta(from)
	if err != nil {
		return err
	}
	up, name := splitPath(way)
	dir, err := openWay(p.fresh, cmp.Or(up, "."))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return err
	}
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return err
	}
	fd, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return errors.Join(m.apply(fd), keepTimes(dir, &st))
}
