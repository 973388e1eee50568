package strategy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tinyMark = "0123456789abcdef"

func tinyDump(extra ...string) string {
	return pgHeader + tinyMark + "\n-- mark " + tinyMark + ": roles\n" +
		"SET x = 1;\n" + guardRole("o'ne", "") + "\nALTER ROLE \"o'ne\" WITH LOGIN;\nALTER ROLE postgres WITH PASSWORD 'x';\n" + pgRolesEnd +
		"-- mark " + tinyMark + ": database \"my db\"\n" +
		"\\restrict abc\nDROP DATABASE IF EXISTS \"my db\";\nCREATE DATABASE \"my db\" WITH TEMPLATE = template0;\n" +
		"ALTER DATABASE \"my db\" OWNER TO one;\n\\unrestrict abc\n\\encoding SQL_ASCII\n" +
		"\\connect -reuse-previous=on \"dbname='my db'\"\n" +
		"GRANT CONNECT,TEMPORARY ON DATABASE \"my db\" TO one;\nALTER ROLE one IN DATABASE \"my db\" SET a TO 'b';\n" +
		"COMMENT ON DATABASE \"my db\" IS 'ALTER DATABASE \"my db\" SET';\n" + strings.Join(extra, "") +
		"CREATE FUNCTION f() AS $$ DROP DATABASE x; $$;\nCOPY public.\"t t\" (a) FROM stdin;\nDROP DATABASE \"my db\";\n" + pgDatabaseEnd + "\\.\n" +
		"CREATE USER MAPPING FOR one SERVER s;\n" + pgDatabaseEnd + "-- mark " + tinyMark + ": complete, databases: 1\n"
}

func tinyProof(dump string) (Proof, error) {
	p := newPostgresProver()
	io.WriteString(p, dump)
	return p.Proof()
}

func TestPostgresProof_CountsRows(t *testing.T) {
	got, err := tinyProof(tinyDump())
	if err != nil {
		t.Fatal(err)
	}
	want := Proof{Format: "pg_dump", Tables: 1, Rows: 2, Detail: map[string]int64{`my db.public."t t"`: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPostgresProof_EveryTruncationIsBroken(t *testing.T) {
	dump := tinyDump()
	for n := range dump {
		if _, err := tinyProof(dump[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(dump))
		}
	}
}

func TestPostgresProof_RefusesWhatIsNotWhole(t *testing.T) {
	whole := tinyDump()
	last := strings.LastIndex(whole, pgDatabaseEnd)
	tests := map[string]string{
		"no completion comment":  whole[:last] + whole[last+len(pgDatabaseEnd):],
		"no roles' end":          strings.Replace(whole, pgRolesEnd, "", 1),
		"no database":            strings.Replace(whole, "CREATE DATABASE \"my", "CREATE SCHEMA \"my", 1),
		"a database too few":     strings.Replace(whole, "databases: 1", "databases: 2", 1),
		"text behind its end":    whole + "\n",
		"statement after an end": strings.Replace(whole, pgRolesEnd, pgRolesEnd+"SELECT 1;\n", 1),
		"another program's dump": "--\n-- PostgreSQL database dump\n--\n",
		"only a header":          whole[:strings.Index(whole, "\n")+1],
	}
	for name, dump := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := tinyProof(dump); err == nil {
				t.Error("it counts as whole")
			}
		})
	}
}

func TestPgRewriter_RewritesTheClosedListOnly(t *testing.T) {
	w := newPgRewriter(strings.NewReader(tinyDump()), func(n int) string { return "new-" + string(rune('0'+n)) }, "made", "postgres")
	got, err := io.ReadAll(w)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		guardRole("o'ne", ""), guardRole("o'ne", "made"),
		"ALTER ROLE \"o'ne\" WITH LOGIN;", "", "ALTER ROLE postgres WITH PASSWORD 'x';", "",
		"DROP DATABASE IF EXISTS \"my db\";", "", "CREATE DATABASE \"my db\"", "CREATE DATABASE \"new-0\"",
		"\nALTER DATABASE \"my db\"", "\nALTER DATABASE \"new-0\"", "-reuse-previous=on \"dbname='my db'\"", "\"new-0\"",
		"ON DATABASE \"my db\"", "ON DATABASE \"new-0\"", "IN DATABASE \"my db\"", "IN DATABASE \"new-0\"",
		"DROP DATABASE \"my db\";", "DROP DATABASE \"my db\";",
	).Replace(tinyDump())
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got := w.roles.String(); got != "ALTER ROLE \"o'ne\" WITH LOGIN;\n" || !w.kept {
		t.Errorf("kept for the swap: %q", got)
	}
}

func TestPgRewriter_RefusesOthersOfThatKind(t *testing.T) {
	for _, statement := range []string{
		"DROP DATABASE other;\n", "ALTER DATABASE other OWNER TO x;\n", "alter  database \"my db\" OWNER TO x;\n",
		"DROP ROLE one;\n", "CREATE USER two;\n", "ALTER ROLE one SUPERUSER;\n", "ALTER SYSTEM SET a = 1;\n",
		"GRANT one TO two;\n", "GRANT ALL ON DATABASE other TO x;\n", "CREATE TABLESPACE x LOCATION 'y';\n",
		"COMMENT ON DATABASE other IS 'x';\n", "\\connect other\n", "\\! id\n", "\\i /etc/passwd\n", "\\connect -reuse-previous=on \"dbname='other'\"\n",
	} {
		w := newPgRewriter(strings.NewReader(tinyDump(statement)), func(int) string { return "new" }, "made", "postgres")
		if _, err := io.Copy(io.Discard, w); err == nil || w.complete() {
			t.Errorf("%q passed", statement)
		}
	}
}

func TestGuardedRole_ReadsOnlyItsOwn(t *testing.T) {
	for _, name := range []string{"app", "o'ne", `qu"ote`, "$role$", " WHERE rolname = ", "new\nline"} {
		if got, ok := guardedRole(guardRole(name, "")); got != name || !ok {
			t.Errorf("%q came back as %q, %v", name, got, ok)
		}
	}
	if _, ok := guardedRole("DO $role$ BEGIN DROP ROLE x; END $role$;"); ok {
		t.Error("a foreign block passed")
	}
}

func BenchmarkPostgresProver(b *testing.B) {
	row := strings.Repeat("12345\tcustomer 12345\tsomeone@example.org\t2026-01-01 10:00:00\t\\N\n", 15_000)
	p := newPostgresProver()
	io.WriteString(p, strings.SplitAfter(tinyDump(), "FROM stdin;\n")[0])
	data := bytes.Repeat([]byte(row), 1)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		p.Write(data)
	}
}
