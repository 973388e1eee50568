package filetree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// needRoot skips what only root may do: owners, devices, mounts.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func setTime(t *testing.T, path string, sec, nsec int64) {
	t.Helper()
	ts := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW))
}

// special fills dir with everything that a file system can hold.
func special(t *testing.T, dir string) {
	t.Helper()
	put(t, dir+"/plain.txt", "hello")
	put(t, dir+"/empty", "")
	put(t, dir+"/exactly", strings.Repeat("x", blockSize))
	put(t, dir+"/large.bin", noise(3<<20+17))
	put(t, dir+"/deep/er/est/file", "down here")
	put(t, dir+"/with\nnewline", "n")
	put(t, dir+"/invalid-\xff\xfe", "u")
	long := dir + "/" + strings.Repeat("l", 90) + "/" + strings.Repeat("m", 100) + "/" + strings.Repeat("n", 110)
	put(t, long, "300 bytes of path")
	put(t, dir+"/"+strings.Repeat("ü", 100), "a long name in one part")
	must(t, os.Link(long, dir+"/z-link-to-long"))
	must(t, os.Symlink("../"+strings.Repeat("t", 150), dir+"/a-long-symlink"))
	must(t, os.Symlink("/etc/passwd", dir+"/absolute-symlink"))
	must(t, os.Link(dir+"/plain.txt", dir+"/deep/hard"))
	must(t, os.Link(dir+"/plain.txt", dir+"/zzz-hard"))
	must(t, os.Link(dir+"/large.bin", dir+"/deep/hard-large"))
	must(t, unix.Mkfifo(dir+"/fifo", 0o640))
	must(t, os.Mkdir(dir+"/closed", 0o755))
	put(t, dir+"/closed/in", "in")
	must(t, os.Chmod(dir+"/closed", 0o500))
	must(t, unix.Chmod(dir+"/deep/er", 0o3775))
	must(t, os.Chmod(dir+"/exactly", 0o000))
	sparse(t, dir+"/sparse-big", 1<<30, map[int64]string{4096: "first", 700 << 20: noise(200 << 10)})
	sparse(t, dir+"/sparse-small", 40<<10, map[int64]string{16 << 10: "small"})
	sparse(t, dir+"/sparse-empty", 10<<20, nil)
	if os.Geteuid() == 0 {
		must(t, unix.Mknod(dir+"/device", unix.S_IFCHR|0o620, int(unix.Mkdev(1, 3))))
		must(t, unix.Mknod(dir+"/block", unix.S_IFBLK|0o620, int(unix.Mkdev(240, 70000))))
		must(t, os.Lchown(dir+"/absolute-symlink", 33, 44))
		must(t, os.Chown(dir+"/plain.txt", 1000, 3_000_000))
		must(t, os.Chown(dir+"/empty", 4_000_000_000, 7))
		must(t, unix.Chmod(dir+"/empty", 0o6755))
		must(t, unix.Setxattr(dir+"/exactly", "security.capability", capability(), 0))
		must(t, unix.Setxattr(dir+"/deep", "system.posix_acl_default", acl(), 0))
		must(t, unix.Setxattr(dir+"/large.bin", "system.posix_acl_access", acl(), 0))
	}
	must(t, unix.Setxattr(dir+"/large.bin", "user.note", []byte("binary \x00 and\nlines = ok"), 0))
	must(t, unix.Setxattr(dir+"/deep", "user.folder", []byte(strings.Repeat("v", 1000)), 0))
	setTime(t, dir+"/plain.txt", 1_700_000_000, 123_456_789)
	setTime(t, dir+"/sparse-small", -2, 250_000_000) // before 1970
	setTime(t, dir+"/with\nnewline", 1_700_000_000, 0)
	setTime(t, dir+"/a-long-symlink", 1_600_000_000, 5)
	setTime(t, dir+"/deep/er", 1_500_000_000, 999_999_999)
	setTime(t, dir+"/deep", 1_500_000_000, 1)
	setTime(t, dir, 1_400_000_000, 42)
}

func noise(n int) string {
	b := make([]byte, n)
	r := rand.NewPCG(1, uint64(n))
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return string(b)
}

func sparse(t *testing.T, path string, size int64, data map[int64]string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	must(t, f.Truncate(size))
	for off, s := range data {
		_, err := f.WriteAt([]byte(s), off)
		must(t, err)
	}
	must(t, f.Close())
}

// capability is cap_net_bind_service+ep, as the kernel stores it.
func capability() []byte {
	b := make([]byte, 20)
	binary.LittleEndian.PutUint32(b, 0x02000001)
	binary.LittleEndian.PutUint32(b[4:], 1<<10)
	return b
}

// acl is u::rw-,u:1234:rw-,g::r--,m::rw-,o::r-- .
func acl() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, ^uint32(0)}, {2, 6, 1234}, {4, 4, ^uint32(0)}, {16, 6, ^uint32(0)}, {32, 4, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// snapshot describes everything below dir that a restore must bring back, one line for each name.
func snapshot(t *testing.T, dir string, more ...string) map[string]string {
	t.Helper()
	ignore := strings.Join(more, " ")
	out, groups := map[string]string{}, map[uint64]string{}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		line := fmt.Sprintf("mode=%o owner=%d:%d", st.Mode, st.Uid, st.Gid)
		if rel != "." || !strings.Contains(ignore, "root-time") {
			line += fmt.Sprintf(" mtime=%d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			if !strings.Contains(ignore, "blocks") {
				line += fmt.Sprintf(" sparse=%v", st.Blocks*512 < st.Size)
			}
			line += fmt.Sprintf(" size=%d content=%s", st.Size, fingerprint(t, path))
			if st.Nlink > 1 {
				if groups[st.Ino] == "" {
					groups[st.Ino] = rel
				}
				line += " same-as=" + groups[st.Ino]
			}
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " to=" + to
		case unix.S_IFCHR, unix.S_IFBLK:
			line += fmt.Sprintf(" device=%d", st.Rdev)
		}
		list, err := readXattrs(xattrSource{
			list: func(b []byte) (int, error) { return unix.Llistxattr(path, b) },
			get:  func(n string, b []byte) (int, error) { return unix.Lgetxattr(path, n, b) },
		}, make([]byte, 64<<10))
		if err != nil {
			return err
		}
		slices.SortFunc(list, func(a, b xattr) int { return strings.Compare(a.Name, b.Name) })
		for _, x := range list {
			line += fmt.Sprintf(" %s=%q", x.Name, x.Value)
		}
		out[rel] = line
		return nil
	}))
	return out
}

// fingerprint reads only where data lie.
func fingerprint(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	list, ok := extents(int(f.Fd()), &st)
	if !ok {
		list = []extent{{0, st.Size}}
	}
	var b bytes.Buffer
	for _, e := range list {
		p := make([]byte, e.len)
		_, err := f.ReadAt(p, e.off)
		must(t, err)
		for i := 0; i < len(p); i += 512 { // zeros and holes are the same content
			part := p[i:min(i+512, len(p))]
			if len(bytes.Trim(part, "\x00")) > 0 {
				fmt.Fprintf(&b, "%d:", e.off+int64(i))
				b.Write(part)
			}
		}
	}
	return fmt.Sprintf("%016x", hashOf(b.Bytes()))
}
