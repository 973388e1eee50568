package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// snapshotPath is where the record as it was with that schema is kept.
func snapshotPath(path string, schema int) string {
	return fmt.Sprintf("%s.schema-%d", path, schema)
}

// snapshot writes a sound copy of the database to path, complete or not at all. The live file is never opened to copy
// it: closing that descriptor would drop SQLite's locks.
func snapshot(ctx context.Context, db *sql.DB, path string) (err error) {
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove an unfinished snapshot: %w", err)
	}
	// SQLite takes an empty file as its target; made here, it is closed to others from the first byte.
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(partial) // already renamed when only the folder's sync went wrong
		}
	}()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", partial); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
