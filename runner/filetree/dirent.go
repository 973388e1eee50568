package filetree

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// dirent is one name in a folder, with the kind that the file system told (DT_UNKNOWN when it did not).
type dirent struct {
	name string
	kind byte
}

// parseDirents takes apart what getdents64 gave: inode 8, offset 8, length 2, kind 1, name and a NUL.
func parseDirents(buf []byte, out []dirent) ([]dirent, error) {
	for len(buf) > 0 {
		if len(buf) < 20 {
			return nil, errors.New("list folder: entry is cut short")
		}
		n := int(binary.NativeEndian.Uint16(buf[16:]))
		if n < 20 || n > len(buf) {
			return nil, errors.New("list folder: entry has a wrong length")
		}
		name := buf[19:n]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if s := string(name); s != "." && s != ".." {
			out = append(out, dirent{name: s, kind: buf[18]})
		}
		buf = buf[n:]
	}
	return out, nil
}

// listNames gives all names in a folder, but for "." and "..".
func listNames(fd int) ([]string, error) {
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	buf := make([]byte, 32<<10)
	var out []string
	var chunk []dirent
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return out, nil
		}
		if chunk, err = parseDirents(buf[:n], chunk[:0]); err != nil {
			return nil, err
		}
		for _, e := range chunk {
			out = append(out, e.name)
		}
	}
}
