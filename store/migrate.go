package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver
)

// applicationID marks the file as ours ("SDB" and a format number in SQLite's header).
const applicationID = 1396982338

//go:embed migrations/*.sql
var embedded embed.FS

func migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) //nolint:forbidigo // the folder is part of the program
	}
	return sub
}

// migrate brings the file to the schema that fsys ends with and returns the schema that it then has. A newer file is
// left as it is, and refused unless it says that this program can still use it.
func migrate(ctx context.Context, db *sql.DB, path string, fsys fs.FS) (int, error) {
	have, oldest, err := fileSchema(ctx, db)
	if err != nil {
		return 0, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, fsys, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	sources := p.ListSources()
	want := int(sources[len(sources)-1].Version)
	switch {
	case have > want && oldest > want:
		return 0, tooNew(path, have, oldest, want)
	case have >= want:
		return have, nil
	case have > 0:
		if err := snapshot(ctx, db, snapshotPath(path, have)); err != nil {
			return 0, fmt.Errorf("keep a snapshot before the upgrade from schema %d to %d: %w", have, want, err)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return 0, fmt.Errorf("upgrade from schema %d to %d: %w", have, want, err)
	}
	return want, nil
}

func tooNew(path string, have, oldest, want int) error {
	remedy := "start a newer version"
	if old := snapshotPath(path, want); exists(old) {
		// A log that stays behind would be played into the other file.
		remedy += fmt.Sprintf(", or remove %s, its -wal and its -shm and put %s in its place (what was recorded since is lost)", path, old)
	}
	return fmt.Errorf("%s: %w: it has schema %d, for programs with schema %d or newer, and this one has %d: %s", path, ErrTooNew, have, oldest, want, remedy)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fileSchema reads the schema of the file, and the oldest one whose program can use it; zeros for a new file.
func fileSchema(ctx context.Context, db *sql.DB) (have, oldest int, err error) {
	var tables, versions, app int
	err = db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE name <> 'goose_db_version'), count(*) FILTER (WHERE name = 'goose_db_version')
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &versions)
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema: %w", err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return 0, 0, fmt.Errorf("read the file's mark: %w", err)
	}
	if app != applicationID && (tables > 0 || app != 0) {
		return 0, 0, fmt.Errorf("%w: move the file away, or give the appliance a DATA_DIR of its own", ErrForeign)
	}
	if tables == 0 || versions == 0 {
		return 0, 0, nil
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied = 1),
		(SELECT oldest_usable FROM schema_guard)`).Scan(&have, &oldest)
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return have, oldest, nil
}
