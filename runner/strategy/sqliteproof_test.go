package strategy

import (
	"archive/tar"
	"bytes"
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
)

// aDatabase is a real one of some pages.
func aDatabase(t testing.TB, pageSize string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=page_size("+pageSize+")")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"CREATE TABLE t(x)", "INSERT INTO t SELECT randomblob(300) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500) SELECT i FROM n)"} {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sqliteTar(t testing.TB, members map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"data/a.db", "data/b.db", strings.Repeat("long/", 60) + "c.db"} {
		content, ok := members[name]
		if !ok {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatPAX, Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func proveSQLite(raw []byte, step int) (Proof, error) {
	p := newSQLiteProver()
	for len(raw) > 0 {
		n := min(step, len(raw))
		_, _ = p.Write(raw[:n])
		raw = raw[n:]
	}
	return p.Proof()
}

func TestSQLiteProver_WholeOnes(t *testing.T) {
	a, b := aDatabase(t, "4096"), aDatabase(t, "65536")
	several := sqliteTar(t, map[string][]byte{"data/a.db": a, "data/b.db": b, strings.Repeat("long/", 60) + "c.db": a})
	for name, c := range map[string]struct {
		raw  []byte
		want Proof
	}{
		"4 KiB pages":  {a, Proof{Format: "sqlite", Entries: 1, Bytes: int64(len(a))}},
		"64 KiB pages": {b, Proof{Format: "sqlite", Entries: 1, Bytes: int64(len(b))}},
		"several":      {several, Proof{Format: "sqlite", Entries: 3, Bytes: int64(2*len(a) + len(b))}},
	} {
		for _, step := range []int{1, 7, 4096, 1 << 20} {
			got, err := proveSQLite(c.raw, step)
			got.Digest = ""
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Errorf("%s in steps of %d: %v %s", name, step, err, d)
			}
		}
	}
}

func TestSQLiteProver_RefusesEveryTruncation(t *testing.T) {
	a := aDatabase(t, "4096")
	several := sqliteTar(t, map[string][]byte{"data/a.db": a, "data/b.db": a})
	for name, raw := range map[string][]byte{"one": a, "several": several} {
		r := rand.New(rand.NewPCG(1, uint64(len(raw))))
		for range 200 {
			n := r.IntN(len(raw))
			if _, err := proveSQLite(raw[:n], 4099); err == nil {
				t.Errorf("%s: the first %d of %d bytes count as whole", name, n, len(raw))
			}
		}
		if _, err := proveSQLite(append(bytes.Clone(raw), make([]byte, 4096)...), 4099); err == nil && name == "one" {
			t.Errorf("%s: more than there are pages counts as whole", name)
		}
	}
}

func TestSQLiteProver_RefusesWhatIsNone(t *testing.T) {
	a := aDatabase(t, "4096")
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(a)
		copy(b[at:], to)
		return b
	}
	for name, raw := range map[string][]byte{
		"empty":                 {},
		"text":                  []byte(strings.Repeat("text ", 1000)),
		"page size":             change(16, 0, 3),
		"page count":            change(28, 0, 0, 0, 1),
		"no pages":              change(28, 0, 0, 0, 0),
		"an old size":           change(92, 9, 9, 9, 9),
		"a cut one in a tar":    sqliteTar(t, map[string][]byte{"data/a.db": a, "data/b.db": a[:len(a)-4096]}),
		"another file in a tar": sqliteTar(t, map[string][]byte{"data/a.db": a, "data/b.db": []byte("text")}),
		"an empty one in a tar": sqliteTar(t, map[string][]byte{"data/a.db": {}, "data/b.db": a}),
		"an empty tar":          make([]byte, 1024),
	} {
		if p, err := proveSQLite(raw, 4099); err == nil {
			t.Errorf("%s counts as whole: %+v", name, p)
		}
	}
}

func FuzzSQLiteProver(f *testing.F) {
	a := aDatabase(f, "512")
	f.Add(a)
	f.Add(sqliteTar(f, map[string][]byte{"data/a.db": a}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := proveSQLite(raw, len(raw)+1)
		pieces, errPieces := proveSQLite(raw, 3)
		if (err == nil) != (errPieces == nil) || err == nil && !cmp.Equal(whole, pieces) {
			t.Errorf("in one write %+v %v, in pieces %+v %v", whole, err, pieces, errPieces)
		}
	})
}

func TestSQLiteRecipe_QuotesPathsAndRemovesWhatIsStale(t *testing.T) {
	f := File{Path: "/data/it's.db", Mode: 0o640, UID: 7, GID: 8}
	got := sqliteRecipe(Options{Extension: ".db", Files: []File{f}})
	for _, want := range []string{`it'\''`, "-wal", "-journal", "chown 7:8", "chmod 640"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}
