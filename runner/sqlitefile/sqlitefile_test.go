package sqlitefile_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/sqlitefile"
)

// open makes or opens a database; it is closed when the test ends.
func open(t *testing.T, path, pragmas string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&"+pragmas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func count(t *testing.T, path, table string) (n int) {
	t.Helper()
	db := open(t, path, "mode=ro")
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func rootsOf(dir string) []filetree.Root { return []filetree.Root{{Path: "/data", Mount: dir}} }

func dump(t *testing.T, dir string, opt sqlitefile.DumpOptions) ([]byte, sqlitefile.Result) {
	t.Helper()
	opt.Work = t.TempDir()
	var raw bytes.Buffer
	res, err := sqlitefile.Dump(t.Context(), rootsOf(dir), opt, &raw)
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	if left, err := os.ReadDir(opt.Work); err != nil || len(left) > 0 {
		t.Errorf("copies left: %v %v", left, err)
	}
	return raw.Bytes(), res
}

func placesOf(dir string, files []sqlitefile.File) []filetree.Root {
	var roots []filetree.Root
	for _, f := range files {
		roots = append(roots, filetree.Root{Path: f.Path, Mount: dir, Sub: strings.TrimPrefix(f.Path, "/data/")})
	}
	return roots
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDump_TakesWhatStandsInTheWALAndRestoresIt(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.db"), filepath.Join(dir, "sub", "b %?#.db")
	if err := os.Mkdir(filepath.Dir(b), 0o750); err != nil {
		t.Fatal(err)
	}
	live := open(t, a, "_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	run(t, live, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1),(2),(3)")
	other := open(t, strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(b), "")
	run(t, other, "CREATE TABLE u(x)", "INSERT INTO u VALUES (1)")
	if err := os.Chmod(b, 0o604); err != nil {
		t.Fatal(err)
	}
	raw, res := dump(t, dir, sqlitefile.DumpOptions{})
	want := map[string]int64{"/data/a.db: t": 3, "/data/sub/b %?#.db: u": 1}
	if d := cmp.Diff(want, res.Detail); d != "" || res.Tables != 2 || res.Rows != 4 || len(res.Files) != 2 || res.Files[1].Mode != 0o604 {
		t.Errorf("result %+v: %s", res, d)
	}
	run(t, live, "DELETE FROM t")
	live.Close()
	other.Close()
	if err := os.WriteFile(a+"-wal", []byte("stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(b)); err != nil {
		t.Fatal(err)
	}
	got, err := sqlitefile.Restore(t.Context(), placesOf(dir, res.Files), sqlitefile.RestoreOptions{Token: "t", Files: res.Files}, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.Detail); d != "" || got.Digest == "" || len(got.Warnings) > 0 {
		t.Errorf("restored %+v: %s", got, d)
	}
	if d := cmp.Diff([]string{"a.db", "sub", "sub/b %?#.db"}, names(t, dir)); d != "" {
		t.Errorf("files: %s", d)
	}
	if st, err := os.Stat(b); err != nil || st.Mode().Perm() != 0o604 {
		t.Errorf("%v %v", st, err)
	}
	if n := count(t, a, "t"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestRestore_OneFileIsPutBackFromItsOwnForm(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db := open(t, path, "_pragma=journal_mode(WAL)")
	run(t, db, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)")
	raw, res := dump(t, dir, sqlitefile.DumpOptions{})
	if !bytes.HasPrefix(raw, []byte("SQLite format 3")) || int64(len(raw)) != res.Bytes {
		t.Fatalf("%d bytes, %+v", len(raw), res)
	}
	run(t, db, "DELETE FROM t")
	db.Close()
	restore := func(r io.Reader, token string) error {
		_, err := sqlitefile.Restore(t.Context(), placesOf(dir, res.Files), sqlitefile.RestoreOptions{Token: token, Files: res.Files}, r)
		return err
	}
	why := errors.New("the hash differs")
	rotten := bytes.Clone(raw)
	copy(rotten[4096+8:], "rubbish in the middle of a page")
	for name, r := range map[string]io.Reader{
		"withheld end": io.MultiReader(bytes.NewReader(raw), failing{why}),
		"cut":          bytes.NewReader(raw[:len(raw)-1]),
		"header only":  bytes.NewReader(raw[:100]),
		"nothing":      strings.NewReader(""),
		"longer":       io.MultiReader(bytes.NewReader(raw), strings.NewReader("x")),
		"damaged":      bytes.NewReader(rotten),
	} {
		if err := restore(r, "refused"); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if n := count(t, path, "t"); n != 0 {
			t.Errorf("%s: the database was touched", name)
		}
	}
	if err := restore(bytes.NewReader(raw), "good"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"app.db"}, names(t, dir)); d != "" {
		t.Errorf("files: %s", d)
	}
	if n := count(t, path, "t"); n != 1 {
		t.Errorf("%d rows", n)
	}
	if err := sqlitefile.Recover(t.Context(), placesOf(dir, res.Files), "good"); err != nil {
		t.Errorf("nothing to recover: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFind_FilesFoldersAndPatterns(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"a.db", "b.db", "x/c.sqlite", "x/y/d.db", "cache/e.db"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o755); err != nil {
			t.Fatal(err)
		}
		db := open(t, filepath.Join(dir, p), "")
		run(t, db, "CREATE TABLE t(x)")
	}
	if err := errors.Join(os.WriteFile(dir+"/note.txt", []byte("text"), 0o644), os.WriteFile(dir+"/a.db-journal", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		patterns, exclude []string
		want, err         string
	}{
		"all":            {nil, []string{"cache"}, "/data/a.db /data/b.db /data/x/c.sqlite /data/x/y/d.db", ""},
		"file":           {[]string{"/data/b.db"}, nil, "/data/b.db", ""},
		"folder":         {[]string{"/data/x"}, nil, "/data/x/c.sqlite /data/x/y/d.db", ""},
		"pattern":        {[]string{"/data/*.db"}, nil, "/data/a.db /data/b.db", ""},
		"deep pattern":   {[]string{"/data/**/*.db"}, []string{"/data/cache"}, "/data/a.db /data/b.db /data/x/y/d.db", ""},
		"sides":          {[]string{"/data/a*"}, nil, "/data/a.db", ""},
		"no database":    {[]string{"/data/*.txt"}, nil, "", "/data/note.txt is no SQLite database"},
		"nothing fits":   {[]string{"/data/b.db", "/data/z*"}, nil, "", "/data/z*: no SQLite database"},
		"nothing at all": {nil, []string{"*.db", "*.sqlite"}, "", "no SQLite database"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sqlitefile.Find(t.Context(), rootsOf(dir), sqlitefile.FindOptions{Patterns: c.patterns, Exclude: c.exclude})
			var paths []string
			for _, s := range got {
				paths = append(paths, s.Path)
			}
			if strings.Join(paths, " ") != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("found %v, error %v", paths, err)
			}
		})
	}
}

func TestDump_WhatOnlyTheApplicationHasIsAWarning(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	db := open(t, path, "")
	run(t, db, "CREATE TABLE own(x TEXT)", "CREATE INDEX own_x ON own(x)", "INSERT INTO own VALUES('a')", "CREATE TABLE fine(x)", "INSERT INTO fine VALUES(1)",
		"PRAGMA writable_schema=1", "UPDATE sqlite_schema SET sql = 'CREATE TABLE own(x TEXT COLLATE ours)' WHERE name = 'own'")
	db.Close()
	_, res := dump(t, dir, sqlitefile.DumpOptions{})
	if res.Detail["fine"] != 1 || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "own") {
		t.Errorf("result %+v", res)
	}
}

func TestDump_RefusesWhatHasNoRoomOrChangedItsNumber(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		db := open(t, fmt.Sprintf("%s/%d.db", dir, i), "")
		run(t, db, "CREATE TABLE t(x)")
	}
	_, err := sqlitefile.Dump(t.Context(), rootsOf(dir), sqlitefile.DumpOptions{Form: sqlitefile.FormSingle, Work: t.TempDir()}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "run again") {
		t.Errorf("two where one was: %v", err)
	}
	if _, err := sqlitefile.Dump(t.Context(), rootsOf(dir), sqlitefile.DumpOptions{}, io.Discard); err == nil {
		t.Error("no folder for copies: no error")
	}
}

// A restore asks which of its files are there: all that may be missing is missing, but what is there and no database
// is not taken for nothing.
func TestFind_OfWhatNeedNotBeThereWhatIs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	find := func(names ...string) (found []string, err error) {
		roots := make([]filetree.Root, 0, len(names))
		for i, name := range names {
			names[i] = "/data/" + name
			roots = append(roots, filetree.Root{Path: names[i], Mount: dir, Sub: name})
		}
		sources, err := sqlitefile.Find(t.Context(), roots, sqlitefile.FindOptions{Patterns: names, Present: true})
		for _, s := range sources {
			found = append(found, s.Path)
		}
		return found, err
	}
	if found, err := find("none.db", "no/folder.db", "empty.db"); !errors.Is(err, sqlitefile.ErrNothing) {
		t.Errorf("where nothing is: %q, %v", found, err)
	}
	run(t, open(t, filepath.Join(dir, "app.db"), ""), "CREATE TABLE t (a)")
	if found, err := find("none.db", "app.db", "empty.db"); err != nil || !slices.Equal(found, []string{"/data/app.db"}) {
		t.Errorf("where one is: %q, %v", found, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.db"), []byte("this was a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := find("app.db", "broken.db"); err == nil || errors.Is(err, sqlitefile.ErrNothing) || !strings.Contains(err.Error(), "/data/broken.db") {
		t.Errorf("where one is no database: %q, %v", found, err)
	}
}
