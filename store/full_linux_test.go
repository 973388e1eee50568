package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStore_FullDisk needs a small disk, and so the right to mount one; without it the page limit stands in.
func TestStore_FullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { no(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	c := &clock{at: start}
	s := reopen(t, filepath.Join(dir, "record.db"), c)
	no(t, s.CreateRun(t.Context(), testRun("before", Running, start)))
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)

	big := testRun("big", Running, start)
	big.Error = strings.Repeat("x", 100_000)
	checkFull(t, s, s.CreateRun(t.Context(), big))
	if _, err := s.Run(t.Context(), "before"); err != nil {
		t.Errorf("a full disk keeps from reading: %v", err)
	}
	if _, err := s.Run(t.Context(), "big"); !errors.Is(err, ErrNotFound) {
		t.Errorf("something of a refused run is there: %v", err)
	}

	no(t, os.Remove(ballast))
	no(t, s.CreateRun(t.Context(), big))
	no(t, s.Check(t.Context()))
}

func TestStore_FullFileIsToldApart(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.write.Exec("PRAGMA max_page_count = 1") // SQLite takes the present size instead
	no(t, err)
	big := testRun("big", Running, start)
	big.Error = strings.Repeat("x", 1<<20)
	checkFull(t, s, s.CreateRun(t.Context(), big))
	_, err = s.write.Exec("PRAGMA max_page_count = 100000")
	no(t, err)
	no(t, s.CreateRun(t.Context(), big))
}

func checkFull(t *testing.T, s *Store, err error) {
	t.Helper()
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), s.Path()) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("got %v, want ErrFull with path and remedy", err)
	}
	st, err := s.DBStatus(t.Context())
	no(t, err)
	if !strings.Contains(st.LastError, "no space left") {
		t.Errorf("last error %q", st.LastError)
	}
}

// fill leaves nothing free on the disk of path.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	no(t, err)
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
