package filetree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func archiveOf(t *testing.T, opt ArchiveOptions, roots ...Root) ([]byte, Summary) {
	t.Helper()
	var b bytes.Buffer
	s, err := Archive(t.Context(), roots, opt, &b)
	must(t, err)
	return b.Bytes(), s
}

func TestRestore_BringsBackEverythingAFileSystemHolds(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	special(t, src)
	put(t, dst+"/not/in/the/archive", "gone afterwards")
	put(t, dst+"/plain.txt", "old")
	data, made := archiveOf(t, ArchiveOptions{}, Root{Path: "/var/lib/app", Mount: src})

	got, err := Restore(t.Context(), []Root{{Path: "/var/lib/app", Mount: dst}}, RestoreOptions{Token: "t1"}, bytes.NewReader(data))
	must(t, err)
	if d := cmp.Diff(snapshot(t, src), snapshot(t, dst)); d != "" {
		t.Errorf("restored tree differs (-source +restored):\n%s", d)
	}
	if got.Entries != made.Entries || got.Bytes != made.Bytes || len(got.Warnings)+len(made.Warnings) > 0 {
		t.Errorf("restored %+v, archived %+v", got, made)
	}
	if len(data) > 20<<20 {
		t.Errorf("the archive has %d bytes: holes were blown up", len(data))
	}
}

func TestExtractTo_UnpacksAtWholePaths(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "new", "folder")
	special(t, src)
	data, _ := archiveOf(t, ArchiveOptions{}, Root{Path: "/var/lib/app", Mount: src})
	_, err := ExtractTo(t.Context(), dst, bytes.NewReader(data))
	must(t, err)
	if d := cmp.Diff(snapshot(t, src), snapshot(t, dst+"/var/lib/app")); d != "" {
		t.Errorf("extracted tree differs (-source +extracted):\n%s", d)
	}
	if _, err := ExtractTo(t.Context(), dst, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a second time into the same folder: %v", err)
	}
	empty := t.TempDir()
	if _, err := ExtractTo(t.Context(), empty, bytes.NewReader(data[:len(data)/2])); err == nil {
		t.Error("half an archive was extracted without error")
	}
	if left, _ := os.ReadDir(empty); len(left) > 0 {
		t.Errorf("half an archive left %v", left)
	}
}

func TestArchive_StockTarReadsIt(t *testing.T) {
	needRoot(t)
	src, dst := t.TempDir(), t.TempDir()
	special(t, src)
	data, _ := archiveOf(t, ArchiveOptions{}, Root{Path: "/app", Mount: src})
	cmd := exec.CommandContext(t.Context(), "tar", "-x", "-f", "-", "-C", dst, "-p", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.CombinedOutput()
	if said := strings.TrimSpace(string(out)); err != nil || said != "" && !strings.Contains(said, "implausibly old") {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	if d := cmp.Diff(snapshot(t, src), snapshot(t, dst+"/app")); d != "" {
		t.Errorf("tree that GNU tar restored differs (-source +tar):\n%s", d)
	}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if h.Size > 100<<20 {
			continue
		}
		_, err = io.Copy(io.Discard, r)
		must(t, err)
	}
}

func TestArchive_LeavesOutWhatPatternsNameAndRestoreLeavesItAlone(t *testing.T) {
	src := t.TempDir()
	for _, f := range []string{"keep", "a.log", "sub/b.log", "cache/x", "sub/cache/y", "deep/er/tmp/z", "deep/er/ok", "abs/c"} {
		put(t, filepath.Join(src, f), "1")
	}
	exclude := []string{"*.log", "/data/cache", "sub/cache/", "**/tmp", "/data/abs"}
	root := Root{Path: "/data", Mount: src}
	data, _ := archiveOf(t, ArchiveOptions{Exclude: exclude}, root)
	var names []string
	r := tar.NewReader(bytes.NewReader(data))
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		names = append(names, h.Name)
	}
	want := []string{"data/", "data/deep/", "data/deep/er/", "data/deep/er/ok", "data/keep", "data/sub/"}
	if d := cmp.Diff(want, names); d != "" {
		t.Fatalf("members (-want +got):\n%s", d)
	}

	for _, f := range []string{"a.log", "sub/b.log", "cache/x", "sub/cache/y", "deep/er/tmp/z", "keep", "new", "gone/deep/n.log", "sub/new"} {
		put(t, filepath.Join(src, f), "2")
	}
	must(t, os.Chmod(src+"/gone", 0o711))
	setTime(t, src+"/gone", 1_000, 5)
	_, err := Restore(t.Context(), []Root{root}, RestoreOptions{Token: "x", Exclude: exclude}, bytes.NewReader(data))
	must(t, err)
	got := contents(t, src)
	wantFiles := map[string]string{
		"keep": "1", "deep/er/ok": "1", "a.log": "2", "sub/b.log": "2", "cache/x": "2", "sub/cache/y": "2",
		"deep/er/tmp/z": "2", "abs/c": "1", "gone/deep/n.log": "2",
	}
	if d := cmp.Diff(wantFiles, got); d != "" {
		t.Errorf("after the restore (-want +got):\n%s", d)
	}
	if !strings.Contains(snapshot(t, src)["gone"], "mode=40711 owner=0:0 mtime=1000.000000005") && os.Geteuid() == 0 {
		t.Errorf("folder around what was kept: %s", snapshot(t, src)["gone"])
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, line := range snapshot(t, dir) {
		if strings.Contains(line, " size=") {
			b, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			out[name] = string(b)
		}
	}
	return out
}

func TestArchive_SocketsAreCountedAndLeftoversLeftOut(t *testing.T) {
	src := t.TempDir()
	l, err := net.Listen("unix", src+"/s.sock")
	must(t, err)
	defer l.Close()
	put(t, src+"/"+StagingPrefix+"old-1/new/x", "leftover")
	put(t, src+"/file", "1")
	data, s := archiveOf(t, ArchiveOptions{}, Root{Path: "/data", Mount: src})
	if s.Sockets != 1 || s.Entries != 2 || bytes.Contains(data, []byte("leftover")) {
		t.Errorf("summary: %+v", s)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], StagingPrefix+"old-1") {
		t.Errorf("warnings: %q", s.Warnings)
	}
}

func TestArchive_DoesNotEnterOtherMounts(t *testing.T) {
	needRoot(t)
	src, other := t.TempDir(), t.TempDir()
	put(t, other+"/foreign", "foreign")
	must(t, os.Mkdir(src+"/mnt", 0o755))
	if err := unix.Mount(other, src+"/mnt", "", unix.MS_BIND, ""); err != nil {
		t.Skipf("may not mount here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(src+"/mnt", unix.MNT_DETACH) })
	put(t, src+"/own", "1")
	root := Root{Path: "/data", Mount: src}
	data, s := archiveOf(t, ArchiveOptions{}, root)
	if bytes.Contains(data, []byte("foreign")) || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "/data/mnt") {
		t.Fatalf("summary: %+v", s)
	}
	put(t, src+"/newer", "1")
	_, err := Restore(t.Context(), []Root{root}, RestoreOptions{Token: "m"}, bytes.NewReader(data))
	must(t, err)
	if d := cmp.Diff(map[string]string{"own": "1", "mnt/foreign": "foreign"}, contents(t, src)); d != "" {
		t.Errorf("after the restore (-want +got):\n%s", d)
	}

	// One that stands deeper cannot be kept: refused, nothing touched.
	must(t, os.MkdirAll(src+"/a/b", 0o755))
	must(t, unix.Mount(other, src+"/a/b", "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(src+"/a/b", unix.MNT_DETACH) })
	before := snapshot(t, src)
	_, err = Restore(t.Context(), []Root{root}, RestoreOptions{Token: "m2"}, bytes.NewReader(data))
	if err == nil || !strings.Contains(err.Error(), "mount of its own") {
		t.Errorf("error: %v", err)
	}
	if d := cmp.Diff(before, snapshot(t, src)); d != "" {
		t.Errorf("a refused restore changed (-before +after):\n%s", d)
	}
}

func TestArchive_NestedRootsAndSinglePaths(t *testing.T) {
	vol, inner, conf := t.TempDir(), t.TempDir(), t.TempDir()
	put(t, vol+"/data/f", "1")
	put(t, vol+"/data/cache/hidden", "not seen in the container")
	put(t, vol+"/data/tmpfs/hidden", "not seen in the container")
	put(t, inner+"/g", "2")
	put(t, conf+"/app.conf", "3")
	put(t, conf+"/ro.conf", "4")
	put(t, vol+"/single", "5")
	roots := []Root{
		{Path: "/x", Mount: vol, Sub: "data"}, {Path: "/x/cache", Mount: inner},
		{Path: "/etc/app.conf", Mount: conf + "/app.conf"}, {Path: "/etc/ro.conf", Mount: conf + "/ro.conf"},
		{Path: "/y/single", Mount: vol, Sub: "single"},
	}
	data, _ := archiveOf(t, ArchiveOptions{Covered: []string{"/x/tmpfs"}, Defaults: true, ReadOnly: []string{"/etc/ro.conf"}}, roots...)
	if bytes.Contains(data, []byte("not seen")) || bytes.Contains(data, []byte("ro.conf")) {
		t.Fatal("the archive holds what it must not")
	}
	for _, f := range []string{vol + "/data/f", vol + "/data/extra", inner + "/g", inner + "/extra", conf + "/app.conf", vol + "/beside"} {
		put(t, f, "changed")
	}
	must(t, os.Remove(vol+"/single"))
	s, err := Restore(t.Context(), roots, RestoreOptions{Token: "n", Covered: []string{"/x/tmpfs"}}, bytes.NewReader(data))
	must(t, err)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "/etc/ro.conf is not in the backup") {
		t.Errorf("warnings: %q", s.Warnings)
	}
	want := map[string]string{
		"data/f": "1", "data/cache/hidden": "not seen in the container", "data/tmpfs/hidden": "not seen in the container",
		"beside": "changed", "single": "5",
	}
	if d := cmp.Diff(want, contents(t, vol)); d != "" {
		t.Errorf("volume (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"g": "2"}, contents(t, inner)); d != "" {
		t.Errorf("inner volume (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"app.conf": "3", "ro.conf": "4"}, contents(t, conf)); d != "" {
		t.Errorf("single files (-want +got):\n%s", d)
	}
}

func TestArchive_UnreadableFileIsFatal(t *testing.T) {
	src := t.TempDir()
	for name, root := range map[string]Root{
		"missing path": {Path: "/data/none", Mount: src, Sub: "none"},
		"way out":      {Path: "/data/..", Mount: src, Sub: "../x"},
	} {
		if _, err := Archive(t.Context(), []Root{root}, ArchiveOptions{}, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	must(t, os.Symlink("/etc", src+"/link"))
	_, err := Archive(t.Context(), []Root{{Path: "/data/link/x", Mount: src, Sub: "link/x"}}, ArchiveOptions{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("path through a link: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the run's time is over")
	cancel(why)
	special(t, src)
	if _, err := Archive(ctx, []Root{{Path: "/data", Mount: src}}, ArchiveOptions{}, io.Discard); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("target is away")
	if _, err := Archive(t.Context(), []Root{{Path: "/data", Mount: src}}, ArchiveOptions{}, failingWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("writer that fails: %v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
