package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// newest is the schema of this program.
func newest(t *testing.T) int {
	t.Helper()
	all, err := fs.Glob(migrations(), "*.sql")
	no(t, err)
	return len(all)
}

// later is the schema of a program that has more migrations than this one.
func later(t *testing.T, more ...string) fs.FS {
	t.Helper()
	names, err := fs.Glob(migrations(), "*.sql")
	no(t, err)
	all := fstest.MapFS{}
	for _, name := range names {
		text, err := fs.ReadFile(migrations(), name)
		no(t, err)
		all[name] = &fstest.MapFile{Data: text}
	}
	for i, m := range more {
		all[fmt.Sprintf("%05d_later.sql", len(names)+i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + m)}
	}
	return all
}

func openSchema(ctx context.Context, path string, schema fs.FS) (*Store, error) {
	return open(ctx, path, Options{Instance: "host"}, schema)
}

const addColumn = "ALTER TABLE services ADD COLUMN note TEXT;"

func TestMigrate_UpgradeKeepsASnapshotOfTheStateBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := openSchema(t.Context(), path, later(t))
	no(t, err)
	no(t, s.CreateRun(t.Context(), testRun("r", Queued, start)))
	no(t, s.Close())
	if exists(snapshotPath(path, 0)) || exists(snapshotPath(path, newest(t))) {
		t.Error("a snapshot without an upgrade")
	}

	s, err = openSchema(t.Context(), path, later(t, addColumn))
	no(t, err)
	if s.SchemaVersion() != newest(t)+1 {
		t.Errorf("schema %d, want %d", s.SchemaVersion(), newest(t)+1)
	}
	_, err = s.write.Exec("UPDATE services SET note = ''")
	no(t, err)
	no(t, s.Close())

	old, err := Open(t.Context(), snapshotPath(path, newest(t)), Options{})
	no(t, err)
	defer old.Close()
	if old.SchemaVersion() != newest(t) {
		t.Errorf("the snapshot has schema %d, want %d", old.SchemaVersion(), newest(t))
	}
	if _, err := old.Run(t.Context(), "r"); err != nil {
		t.Error(err)
	}
}

func TestMigrate_BrokenUpgradeLeavesTheFileAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := openSchema(t.Context(), path, later(t))
	no(t, err)
	no(t, s.Close())
	if s, err := openSchema(t.Context(), path, later(t, addColumn+"\nSELECT no_such_function();")); err == nil {
		s.Close()
		t.Fatal("a broken migration went through")
	}
	s, err = openSchema(t.Context(), path, later(t))
	no(t, err)
	defer s.Close()
	if s.SchemaVersion() != newest(t) {
		t.Errorf("schema %d, want %d", s.SchemaVersion(), newest(t))
	}
	if _, err := s.write.Exec("UPDATE services SET note = ''"); err == nil {
		t.Error("half of the migration stayed")
	}
}

func TestMigrate_NewerSchemaThatOnlyAddedStillWorks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := openSchema(t.Context(), path, later(t, addColumn))
	no(t, err)
	no(t, s.Close())

	s, err = Open(t.Context(), path, Options{})
	no(t, err)
	defer s.Close()
	if s.SchemaVersion() != newest(t)+1 {
		t.Errorf("schema %d, want the file's %d", s.SchemaVersion(), newest(t)+1)
	}
	no(t, s.PutServices(t.Context(), []Service{{Project: "p", Service: "s"}}))
}

func TestMigrate_NewerSchemaThatBreaksIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := Open(t.Context(), path, Options{Instance: "host"})
	no(t, err)
	no(t, s.Close())
	breaks := fmt.Sprintf("UPDATE schema_guard SET oldest_usable = %d;", newest(t)+2)
	s, err = openSchema(t.Context(), path, later(t, addColumn, breaks))
	no(t, err)
	no(t, s.Close())

	_, err = Open(t.Context(), path, Options{})
	if !errors.Is(err, ErrTooNew) {
		t.Fatalf("got %v, want ErrTooNew", err)
	}
	for _, want := range []string{path, fmt.Sprintf("schema %d", newest(t)+2), snapshotPath(path, newest(t)), "-wal"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	s, err = openSchema(t.Context(), path, later(t, addColumn, breaks))
	no(t, err)
	no(t, s.Close())
}

func TestMigrate_StartAfterACrashInTheFirstMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	db, err := sql.Open("sqlite", writerDSN(path))
	no(t, err)
	_, err = db.Exec("CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))")
	no(t, err)
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)")
	no(t, err)
	no(t, db.Close())
	s, err := Open(t.Context(), path, Options{Instance: "host"})
	no(t, err)
	no(t, s.Close())
}

func TestSnapshot_LeavesNothingOfAnUnfinishedOne(t *testing.T) {
	s, _ := openTest(t)
	path := snapshotPath(s.Path(), 1)
	no(t, os.WriteFile(path+".partial", []byte("rest of a crash"), 0o600))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snapshot(ended, s.write, path); err == nil {
		t.Error("a snapshot without a context went through")
	}
	if exists(path) || exists(path+".partial") {
		t.Error("something stayed behind")
	}
	no(t, snapshot(t.Context(), s.write, path))
	if !exists(path) || exists(path+".partial") {
		t.Error("no snapshot, or a partial one beside it")
	}
}
