package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// refuseNetworkFileSystem asks the kernel what the folder of path lies on.
func refuseNetworkFileSystem(path string) error {
	dir := filepath.Dir(path)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("ask what %s lies on: %w", dir, err)
	}
	magic, fuse := uint32(st.Type), ""
	if magic == unix.FUSE_SUPER_MAGIC {
		fuse = fuseType(dir)
	}
	if kind := networkFileSystem(magic, fuse); kind != "" {
		return networkError(path, kind)
	}
	return nil
}

// fuseType is what follows "fuse." in the mount table for the file system of dir, "" when it cannot be told.
func fuseType(dir string) string {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return ""
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return fuseTypeIn(table, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
}

// fuseTypeIn reads lines such as `36 35 0:31 / /data rw shared:1 - fuse.sshfs host:/x rw`.
func fuseTypeIn(table []byte, device string) string {
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 3 || fields[2] != device {
			continue
		}
		kind, _, _ := strings.Cut(after, " ")
		return strings.TrimPrefix(kind, "fuse.")
	}
	return ""
}
