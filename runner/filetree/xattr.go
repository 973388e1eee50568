package filetree

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// xattrSource lists and reads the attributes of one open file or one path.
type xattrSource struct {
	list func([]byte) (int, error)
	get  func(string, []byte) (int, error)
}

func fdXattrs(fd int, buf []byte) ([]xattr, error) {
	return readXattrs(xattrSource{
		list: func(b []byte) (int, error) { return unix.Flistxattr(fd, b) },
		get:  func(n string, b []byte) (int, error) { return unix.Fgetxattr(fd, n, b) },
	}, buf)
}

// pathXattrs reads those of what cannot be opened: links, FIFOs, devices. The way through /proc names the child of
// an open folder, so it cannot be led astray.
func pathXattrs(dir int, name string, buf []byte) ([]xattr, error) {
	p := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
	return readXattrs(xattrSource{
		list: func(b []byte) (int, error) { return unix.Llistxattr(p, b) },
		get:  func(n string, b []byte) (int, error) { return unix.Lgetxattr(p, n, b) },
	}, buf)
}

func readXattrs(src xattrSource, buf []byte) ([]xattr, error) {
	n, err := src.list(buf)
	switch {
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOENT):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("list extended attributes: %w", err)
	case n == 0:
		return nil, nil
	}
	var out []xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		n, err := src.get(name, buf)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTSUP) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read extended attribute %q: %w", name, err)
		}
		out = append(out, xattr{Name: name, Value: string(buf[:n])})
	}
	return out, nil
}

// dropUnnameable removes attributes whose name has a "=": a PAX record cannot hold it.
func dropUnnameable(in []xattr) (out []xattr, dropped bool) {
	for _, x := range in {
		if strings.Contains(x.Name, "=") {
			dropped = true
			continue
		}
		out = append(out, x)
	}
	return out, dropped
}
