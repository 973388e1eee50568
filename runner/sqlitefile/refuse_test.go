package sqlitefile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/sqlitefile"
)

// forged is a database and a manifest's word of where it belongs.
func forged(t *testing.T, place string) ([]byte, []sqlitefile.File) {
	t.Helper()
	source := t.TempDir()
	db := open(t, filepath.Join(source, "app.db"), "")
	run(t, db, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)")
	raw, res := dump(t, source, sqlitefile.DumpOptions{})
	res.Files[0].Path, res.Files[0].Mode = "/data/"+place, 0o6777
	return raw, res.Files
}

func TestRestore_ReplacesNothingThatIsNoDatabase(t *testing.T) {
	for name, c := range map[string]struct{ place, there, content, refused string }{
		"a configuration":             {"app.conf", "app.conf", "listen 80\n", "/data/app.conf is there and is no SQLite database"},
		"something beside no file":    {"app", "app-journal", "dear diary, today\n", "/data/app-journal is there and is nothing that SQLite keeps"},
		"an empty file":               {"app.conf", "app.conf", "", ""},
		"a log of SQLite's":           {"app", "app-wal", "\x37\x7f\x06\x82 and so on", ""},
		"a database that was damaged": {"app.sqlite3", "app.sqlite3", "noise, not a header", ""},
		"something of another name":   {"app", "other", "not concerned", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.there), []byte(c.content), 0o640); err != nil {
				t.Fatal(err)
			}
			raw, files := forged(t, c.place)
			_, err := sqlitefile.Restore(t.Context(), placesOf(dir, files), sqlitefile.RestoreOptions{Token: "t", Files: files}, bytes.NewReader(raw))
			if c.refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				if st, err := os.Stat(filepath.Join(dir, c.place)); err != nil || st.Mode() != 0o777 {
					t.Errorf("restored with mode %v, want its permissions alone (%v)", st.Mode(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("error %v, want %q", err, c.refused)
			}
			b, readErr := os.ReadFile(filepath.Join(dir, c.there))
			st, statErr := os.Stat(filepath.Join(dir, c.there))
			if readErr != nil || statErr != nil || string(b) != c.content || st.Mode() != 0o640 {
				t.Errorf("what was there is %q now, %v (%v %v)", b, st, readErr, statErr)
			}
			if d := cmp.Diff([]string{c.there}, names(t, dir)); d != "" {
				t.Errorf("files: %s", d)
			}
		})
	}
}

func TestRestore_ReplacesNoFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app.db", "kept"), 0o750); err != nil {
		t.Fatal(err)
	}
	raw, files := forged(t, "app.db")
	_, err := sqlitefile.Restore(t.Context(), placesOf(dir, files), sqlitefile.RestoreOptions{Token: "t", Files: files}, bytes.NewReader(raw))
	if err == nil || !strings.Contains(err.Error(), "/data/app.db is there and is no file") {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff([]string{"app.db", "app.db/kept"}, names(t, dir)); d != "" {
		t.Errorf("files: %s", d)
	}
}
