// Package treetest makes a tree with everything that a file system can hold, and compares trees by all that a restore
// must bring back. It looks at files in its own way, not by the code under test.
package treetest

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Put writes a file, and the folders above it where they are missing.
func Put(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// SetTime sets a file's or a link's own time.
func SetTime(t testing.TB, path string, sec, nsec int64) {
	t.Helper()
	ts := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW))
}

// Fill fills dir with everything that a file system can hold; what only root may make is left out for others.
func Fill(t testing.TB, dir string) {
	t.Helper()
	Put(t, dir+"/plain.txt", "hello")
	Put(t, dir+"/empty", "")
	Put(t, dir+"/exactly", strings.Repeat("x", 512))
	Put(t, dir+"/large.bin", Noise(3<<20+17))
	Put(t, dir+"/deep/er/est/file", "down here")
	Put(t, dir+"/with\nnewline", "n")
	Put(t, dir+"/invalid-\xff\xfe", "u")
	long := dir + "/" + strings.Repeat("l", 90) + "/" + strings.Repeat("m", 100) + "/" + strings.Repeat("n", 110)
	Put(t, long, "300 bytes of path")
	Put(t, dir+"/"+strings.Repeat("ü", 100), "a long name in one part")
	must(t, os.Link(long, dir+"/z-link-to-long"))
	must(t, os.Symlink("../"+strings.Repeat("t", 150), dir+"/a-long-symlink"))
	must(t, os.Symlink("/etc/passwd", dir+"/absolute-symlink"))
	must(t, os.Symlink("loop-b", dir+"/loop-a"))
	must(t, os.Symlink("loop-a", dir+"/loop-b"))
	must(t, os.Symlink(".", dir+"/loop-self"))
	must(t, os.Link(dir+"/plain.txt", dir+"/deep/hard"))
	must(t, os.Link(dir+"/plain.txt", dir+"/zzz-hard"))
	must(t, os.Link(dir+"/large.bin", dir+"/deep/hard-large"))
	must(t, unix.Mkfifo(dir+"/fifo", 0o640))
	must(t, os.Mkdir(dir+"/closed", 0o755))
	Put(t, dir+"/closed/in", "in")
	must(t, os.Chmod(dir+"/closed", 0o500))
	must(t, unix.Chmod(dir+"/deep/er", 0o3775))
	must(t, os.Chmod(dir+"/exactly", 0o000))
	Sparse(t, dir+"/sparse-big", 1<<30, map[int64]string{4096: "first", 700 << 20: Noise(200 << 10)})
	Sparse(t, dir+"/sparse-small", 40<<10, map[int64]string{16 << 10: "small"})
	Sparse(t, dir+"/sparse-empty", 10<<20, nil)
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
	SetTime(t, dir+"/plain.txt", 1_700_000_000, 123_456_789)
	SetTime(t, dir+"/sparse-small", -2, 250_000_000) // before 1970
	SetTime(t, dir+"/with\nnewline", 1_700_000_000, 0)
	SetTime(t, dir+"/a-long-symlink", 1_600_000_000, 5)
	SetTime(t, dir+"/deep/er", 1_500_000_000, 999_999_999)
	SetTime(t, dir+"/deep", 1_500_000_000, 1)
	SetTime(t, dir, 1_400_000_000, 42)
}

// Noise is the same incompressible text each time.
func Noise(n int) string {
	b := make([]byte, n)
	r := rand.NewPCG(1, uint64(n))
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return string(b)
}

// Sparse makes a file with data in some places and holes between them.
func Sparse(t testing.TB, path string, size int64, data map[int64]string) {
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
