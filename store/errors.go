package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found in the record")
	// ErrInUse says that another process owns the file.
	ErrInUse = errors.New("in use by another process")
	// ErrTooNew says that the file was written by a program that is too new for this one.
	ErrTooNew = errors.New("schema too new")
	// ErrForeign says that the file is a database, but not a record of this program.
	ErrForeign = errors.New("not a record of this program")
	// ErrNetworkFileSystem says that the file would be where SQLite's locks and shared memory do not work.
	ErrNetworkFileSystem = errors.New("on a network file system")
	// ErrFull says that the disk has no room for what was to be written. Nothing of it was written.
	ErrFull = errors.New("no space left on the disk")
	// ErrDamaged says that the file is not a sound database.
	ErrDamaged = errors.New("damaged")
)

// fail says what was being done when err happened and, for what the operator can mend, how. It remembers the last trouble
// for DBStatus.
func (s *Store) fail(verb string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%s: %w", verb, ErrNotFound)
	}
	err = fmt.Errorf("%s: %w", verb, explain(s.path, err))
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.mu.Lock()
		s.lastError = s.now().UTC().Format("2006-01-02T15:04:05Z") + " " + err.Error()
		s.mu.Unlock()
	}
	return err
}

// explain turns SQLite's codes into the thing, the reason and the remedy.
func explain(path string, err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("store %s: %w: free some space there (%w)", path, ErrFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("store %s: %w: put a good copy in its place, or move it away to begin with an empty record; its -wal and -shm go with it (%w)", path, ErrDamaged, err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("store %s: the file or its disk is read-only: mount it writable (%w)", path, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		// SQLite says "out of memory (14)" for a file that it may not open.
		return fmt.Errorf("store %s: the file cannot be opened: check the owner and permissions of it and its folder (%w)", path, err)
	}
	return fmt.Errorf("store %s: %w", path, err)
}
