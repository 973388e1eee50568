package filetree

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is one path of the container and where it can be reached from here.
type Root struct {
	Path  string // absolute path in the container; names the members
	Mount string // folder or file here at which its mount is found
	Sub   string // path below Mount, empty for the mount itself
}

// StagingPrefix begins the name of every hidden folder that a restore makes. Archive leaves such folders out.
const StagingPrefix = ".simpledeploy-restore-"

// member is the archive's name for the root.
func (r Root) member() string { return strings.TrimPrefix(path.Clean(r.Path), "/") }

func checkRoots(roots []Root) error {
	if len(roots) == 0 {
		return errors.New("no path to work on")
	}
	seen := map[string]bool{}
	for _, r := range roots {
		switch {
		case !path.IsAbs(r.Path) || r.member() == "":
			return fmt.Errorf("path %q: must be absolute and not the root folder", r.Path)
		case seen[r.member()]:
			return fmt.Errorf("path %q: is named twice", r.Path)
		}
		seen[r.member()] = true
		for part := range strings.SplitSeq(r.Sub, "/") {
			if part == ".." {
				return fmt.Errorf("path %q: leads out of its mount", r.Path)
			}
		}
		for _, o := range roots {
			if o.Mount == r.Mount && strings.HasPrefix(r.member(), o.member()+"/") {
				return fmt.Errorf("path %q: lies in %q of the same mount: name only one of them", r.Path, o.Path)
			}
		}
	}
	return nil
}

// owner finds the root that a member belongs to, the deepest one when roots lie in one another, and the member's
// path below it.
func owner(roots []Root, member string) (index int, rel string, ok bool) {
	best := -1
	for i, r := range roots {
		m := r.member()
		if (member == m || strings.HasPrefix(member, m+"/")) && (best < 0 || len(m) > len(roots[best].member())) {
			best = i
		}
	}
	if best < 0 {
		return 0, "", false
	}
	return best, strings.TrimPrefix(strings.TrimPrefix(member, roots[best].member()), "/"), true
}

// openMount opens the root's mount without reading it: whatever is mounted there is what was chosen.
func (r Root) openMount() (int, error) {
	fd, err := open(unix.AT_FDCWD, r.Mount, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return -1, fmt.Errorf("open mount of %s: %w", r.Path, err)
	}
	return fd, nil
}

// splitRoot opens the folder that holds the root and says under which name. For a whole mount the name is ".".
// Each step refuses links, so nothing beside the mount can be reached.
func (r Root) splitRoot(create bool) (folder int, name string, err error) {
	fd, err := r.openMount()
	if err != nil {
		return -1, "", err
	}
	sub := strings.Trim(path.Clean("/"+r.Sub), "/")
	if sub == "" {
		return fd, ".", nil
	}
	parts := strings.Split(sub, "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := openBeneath(fd, part, unix.O_PATH|unix.O_DIRECTORY)
		if create && errors.Is(err, unix.ENOENT) {
			if err = unix.Mkdirat(fd, part, 0o755); err == nil {
				next, err = openBeneath(fd, part, unix.O_PATH|unix.O_DIRECTORY)
			}
		}
		_ = unix.Close(fd)
		if err != nil {
			return -1, "", fmt.Errorf("open %q on the way to %s: %w", part, r.Path, explainLink(err))
		}
		fd = next
	}
	return fd, parts[len(parts)-1], nil
}

func explainLink(err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w (a symbolic link or a file stands in the way: name the real path)", err)
	}
	return err
}

func open(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// openBeneath opens one child of a folder and never leaves it: no links, no magic links, no other mount (EXDEV).
// Kernels before 5.6 and some seccomp profiles have no openat2; a single name opened without following links is as
// narrow, but for bind mounts of the same file system.
func openBeneath(dir int, name string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(dir, name, &how)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM) && flags&unix.O_NOATIME == 0:
			return openPlain(dir, name, flags)
		default:
			return fd, err
		}
	}
}

func openPlain(dir int, name string, flags int) (int, error) {
	fd, err := open(dir, name, flags|unix.O_NOFOLLOW)
	if err != nil {
		return fd, err
	}
	var parent, child unix.Stat_t
	if err := errors.Join(unix.Fstat(dir, &parent), unix.Fstat(fd, &child)); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	if parent.Dev != child.Dev {
		_ = unix.Close(fd)
		return -1, unix.EXDEV
	}
	return fd, nil
}

// openToRead opens one child for reading, without touching its access time where we may.
func openToRead(dir int, name string, flags int) (int, error) {
	fd, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_NOATIME|flags)
	if errors.Is(err, unix.EPERM) {
		return openBeneath(dir, name, unix.O_RDONLY|flags)
	}
	return fd, err
}

// openRootToRead opens the root itself: "." of a mount is on that mount by definition.
func openRootToRead(dir int, name string, flags int) (int, error) {
	if name != "." {
		return openToRead(dir, name, flags)
	}
	// A mount's own descriptor is opened again through /proc: it may be a file, which "." cannot name.
	return open(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", dir), unix.O_RDONLY|flags)
}
