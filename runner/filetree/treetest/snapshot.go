package treetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// Snapshot describes everything below dir that a restore must bring back, one line for each name: kind, mode, owner,
// time, size, holes, content, which names are one file, target, device, extended attributes. "root-time" and "blocks"
// leave out the time of dir itself and the holes.
func Snapshot(t testing.TB, dir string, ignore ...string) map[string]string {
	t.Helper()
	out, first := map[string]string{}, map[uint64]string{}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out[rel], err = describe(path, rel, first, ignore)
		return err
	}))
	return out
}

func describe(path, rel string, first map[uint64]string, ignore []string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("mode=%o owner=%d:%d", st.Mode, st.Uid, st.Gid)
	if rel != "." || !slices.Contains(ignore, "root-time") {
		line += fmt.Sprintf(" mtime=%d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if !slices.Contains(ignore, "blocks") {
			line += fmt.Sprintf(" sparse=%v", st.Blocks*512 < st.Size)
		}
		sum, err := fingerprint(path, st.Size)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" size=%d content=%016x", st.Size, sum)
		if st.Nlink > 1 {
			if first[st.Ino] == "" {
				first[st.Ino] = rel
			}
			line += " same-as=" + first[st.Ino]
		}
	case unix.S_IFLNK:
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		line += " to=" + to
	case unix.S_IFCHR, unix.S_IFBLK:
		line += fmt.Sprintf(" device=%d", st.Rdev)
	}
	more, err := attributes(path)
	return line + more, err
}

// fingerprint reads only where data lie; zeros and holes are the same content.
func fingerprint(path string, size int64) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := xxhash.New()
	for at := int64(0); at < size; {
		begin, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return 0, err
		}
		end, err := unix.Seek(int(f.Fd()), begin, unix.SEEK_HOLE)
		if err != nil {
			return 0, err
		}
		begin -= begin % 512
		p := make([]byte, min(end, size)-begin)
		if _, err := f.ReadAt(p, begin); err != nil {
			return 0, err
		}
		for i := 0; i < len(p); i += 512 {
			if part := bytes.TrimRight(p[i:min(i+512, len(p))], "\x00"); len(part) > 0 {
				fmt.Fprintf(sum, "%d:%s\x00", begin+int64(i), part)
			}
		}
		at = end
	}
	return sum.Sum64(), nil
}

func attributes(path string) (string, error) {
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		return "", err
	}
	list := strings.FieldsFunc(string(names[:n]), func(r rune) bool { return r == 0 })
	slices.Sort(list)
	var out strings.Builder
	value := make([]byte, 64<<10)
	for _, name := range list {
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, " %s=%q", name, value[:n])
	}
	return out.String(), nil
}
