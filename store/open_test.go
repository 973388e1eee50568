package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestOpen_KeepsIdAndInstanceFromTheFirstStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "record.db")
	first, err := Open(t.Context(), path, Options{Instance: "raspberrypi"})
	no(t, err)
	id := first.ID()
	no(t, first.Close())
	no(t, first.Close())
	again, err := Open(t.Context(), path, Options{Instance: "renamed"})
	no(t, err)
	defer again.Close()
	if len(id) != 32 || again.ID() != id || again.Instance() != "raspberrypi" {
		t.Errorf("id %q then %q, instance %q", id, again.ID(), again.Instance())
	}
	other, _ := openTest(t)
	if other.ID() == id {
		t.Error("two records have one id")
	}
}

func TestOpen_NeedsAnInstanceForAnEmptyRecord(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), Options{})
	if err == nil || !strings.Contains(err.Error(), "INSTANCE") {
		t.Errorf("got %v", err)
	}
}

func TestOpen_FilesAreTheOwnersOnlyWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(dir, "record.db")
	s, err := Open(t.Context(), path, Options{Instance: "host"})
	no(t, err)
	no(t, s.SetSetting(t.Context(), "a", "b"))
	no(t, snapshot(t.Context(), s.write, snapshotPath(path, 1)))
	checkPrivate(t, dir, 5) // file, -wal, -shm, lock, snapshot
	no(t, s.Close())

	no(t, os.Chmod(path, 0o644))
	s, err = Open(t.Context(), path, Options{})
	no(t, err)
	defer s.Close()
	checkPrivate(t, dir, 5)
}

func checkPrivate(t *testing.T, dir string, want int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	no(t, err)
	if len(files) != want {
		t.Errorf("%d files, want %d: %v", len(files), want, files)
	}
	for _, f := range files {
		info, err := f.Info()
		no(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", f.Name(), info.Mode().Perm())
		}
	}
	info, err := os.Stat(dir)
	no(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("folder has mode %o", info.Mode().Perm())
	}
}

func TestOpen_PathWithEveryCharacterThatAnAddressReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&mode=memory", "réc;ord.db")
	s, err := Open(t.Context(), path, Options{Instance: "host"})
	no(t, err)
	defer s.Close()
	info, err := os.Stat(path)
	no(t, err)
	if info.Size() == 0 && !exists(path+"-wal") {
		t.Error("the record is somewhere else")
	}
}

func TestOpen_EveryConnectionHasItsPragmas(t *testing.T) {
	s, _ := openTest(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "temp_store": "2"} {
		var got string
		no(t, s.write.QueryRow("PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("writer: %s is %s, want %s", pragma, got, want)
		}
	}
	for range 4 { // each on a connection of its own, as all stay open
		conn, err := s.read.Conn(t.Context())
		no(t, err)
		defer conn.Close()
		if _, err := conn.ExecContext(t.Context(), "DELETE FROM settings"); err == nil {
			t.Error("a reader can write")
		}
		var timeout string
		no(t, conn.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout))
		if timeout != "10000" {
			t.Errorf("reader: busy_timeout is %s", timeout)
		}
	}
}

func TestOpen_RefusesWhatIsNotARecord(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	no(t, os.WriteFile(garbage, []byte(strings.Repeat("this is not a database ", 400)), 0o600))
	if _, err := Open(t.Context(), garbage, Options{Instance: "host"}); !errors.Is(err, ErrDamaged) {
		t.Errorf("garbage: got %v, want ErrDamaged", err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	s, err := open(t.Context(), foreign, Options{Instance: "host"}, fstest.MapFS{"00001_x.sql": {Data: []byte("-- +goose Up\nCREATE TABLE users (id TEXT);")}})
	if err == nil {
		s.Close()
		t.Fatal("a schema without instances opened")
	}
	before, err := os.ReadFile(foreign)
	no(t, err)
	if _, err := Open(t.Context(), foreign, Options{Instance: "host"}); !errors.Is(err, ErrForeign) {
		t.Errorf("foreign: got %v, want ErrForeign", err)
	}
	after, err := os.ReadFile(foreign)
	no(t, err)
	if string(before) != string(after) {
		t.Error("a refused file was changed")
	}
}

func TestOpen_SecondOpenIsRefusedAndNamesTheFirst(t *testing.T) {
	s, _ := openTest(t)
	_, err := Open(t.Context(), s.Path(), Options{})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "pid") || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("got %v, want ErrInUse with owner and remedy", err)
	}
	no(t, s.SetSetting(t.Context(), "still", "works"))
}

func TestClose_TakesTheLogInAndFreesTheFile(t *testing.T) {
	s, c := openTest(t)
	no(t, s.CreateRun(t.Context(), testRun("r", Queued, start)))
	no(t, s.Close())
	if exists(s.Path() + "-wal") {
		t.Error("a log stayed behind")
	}
	if _, err := reopen(t, s.Path(), c).Run(t.Context(), "r"); err != nil {
		t.Error(err)
	}
}
