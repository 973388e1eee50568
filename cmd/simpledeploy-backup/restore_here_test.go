package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/target"
)

// oddTree is an archive of what a plain tar reader would lose: attributes, holes, pipes, names of one file.
func oddTree(t *testing.T) []byte {
	t.Helper()
	src := t.TempDir()
	file := filepath.Join(src, "file")
	var archive bytes.Buffer
	hole, err := os.Create(filepath.Join(src, "hole"))
	if err != nil {
		t.Fatal(err)
	}
	_, endErr := hole.WriteAt([]byte("end"), 64<<20)
	err = errors.Join(
		endErr, hole.Close(),
		os.WriteFile(file, []byte("hello"), 0o640), os.Link(file, filepath.Join(src, "same")),
		unix.Setxattr(file, "user.note", []byte("kept"), 0),
		unix.Mkfifo(filepath.Join(src, "pipe"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	roots := []filetree.Root{{Path: "/var/lib/app", Mount: src}}
	if _, err := filetree.Archive(t.Context(), roots, filetree.ArchiveOptions{}, &archive); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestWriteFolder_VolumeIsExact(t *testing.T) {
	archive, dir := oddTree(t), filepath.Join(t.TempDir(), "out")
	p := &program{err: io.Discard}
	if err := p.writeFolder(t.Context(), dir, target.Manifest{Run: "r1", Strategy: "volume"}, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, "var/lib/app", name) }
	stat := func(name string) syscall.Stat_t {
		t.Helper()
		var st syscall.Stat_t
		if err := syscall.Lstat(at(name), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	note := make([]byte, 16)
	n, err := unix.Getxattr(at("file"), "user.note", note)
	if err != nil || string(note[:n]) != "kept" {
		t.Errorf("the attribute is %q, %v", note[:max(n, 0)], err)
	}
	if stat("file").Ino != stat("same").Ino {
		t.Error("two names of one file became two files")
	}
	if st := stat("hole"); st.Size != 64<<20+3 || st.Blocks*512 > 1<<20 {
		t.Errorf("the hole has %d bytes in %d blocks", st.Size, st.Blocks)
	}
	if st := stat("pipe"); st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		t.Errorf("the pipe has the mode %o", st.Mode)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".partial*")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWriteFolder_RefusedStreamLeavesNothing(t *testing.T) {
	archive, dir := oddTree(t), filepath.Join(t.TempDir(), "out")
	refused := errors.New("the hash does not agree")
	p := &program{err: io.Discard}
	err := p.writeFolder(t.Context(), dir, target.Manifest{Run: "r1", Strategy: "volume"}, io.MultiReader(bytes.NewReader(archive), iotest.ErrReader(refused)))
	if !errors.Is(err, refused) {
		t.Errorf("writeFolder = %v, want the cause", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
