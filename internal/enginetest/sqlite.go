package enginetest

import (
	"context"
	"embed"
	"fmt"
	"testing"
)

//go:embed sqlite
var sqliteFiles embed.FS

// SQLiteImage is an application that keeps its data in SQLite below /data, by Debian's own SQLite library. Its program
// `db` makes databases, writes to them, and tells what is in them (see sqlite/db.py).
func SQLiteImage(t testing.TB) string {
	t.Helper()
	Require(t)
	image, err := EnsureSQLite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsureSQLite is SQLiteImage outside tests.
func EnsureSQLite(ctx context.Context) (string, error) {
	base, err := EnsureBase(ctx, "bookworm")
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	for _, name := range []string{"Dockerfile", "db.py"} {
		text, err := sqliteFiles.ReadFile("sqlite/" + name)
		if err != nil {
			return "", fmt.Errorf("read recipe: %w", err)
		}
		files[name] = string(text)
	}
	return built(ctx, "simpledeploy-test-sqlite:app", base, files)
}
