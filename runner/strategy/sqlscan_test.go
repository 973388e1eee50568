package strategy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder writes down what a text consists of, and the text itself.
type recorder struct {
	parts []string
	all   bytes.Buffer
}

func (r *recorder) take(kind string, text []byte) error {
	r.all.Write(text)
	if kind != "line" || strings.TrimSpace(string(text)) != "" {
		r.parts = append(r.parts, kind+" "+string(text))
	}
	return nil
}

func (r *recorder) statement(text []byte) error { return r.take("statement", text) }
func (r *recorder) more(text []byte) error      { return r.take("more", text) }
func (r *recorder) line(text []byte) error      { return r.take("line", text) }
func (r *recorder) data(text []byte) error      { r.all.Write(text); return nil }
func (r *recorder) dataEnd(rows int64) error {
	r.parts = append(r.parts, fmt.Sprint("rows ", rows))
	return nil
}

func TestSQLScanner_TellsStatementsFromWhatLooksLikeThem(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"quotes":           {"SELECT 'a;''b;', \"c;\"\"d\";", []string{"statement SELECT 'a;''b;', \"c;\"\"d\";"}},
		"escapes":          {`SELECT E'a\';b', 'c\';SELECT 2;`, []string{`statement SELECT E'a\';b', 'c\';`, "statement SELECT 2;"}},
		"escape goes on":   {`SELECT E'a''\';b';`, []string{`statement SELECT E'a''\';b';`}},
		"no escape":        {`SELECT nameE'a\';`, []string{`statement SELECT nameE'a\';`}},
		"bodies":           {"DO $x$ ; $$ ; $x $x$;SELECT $1;", []string{"statement DO $x$ ; $$ ; $x $x$;", "statement SELECT $1;"}},
		"comments":         {"-- one;\nSELECT 1 -- two;\n, 2 /* ; /* ; */ ; */;", []string{"line -- one;\n", "statement SELECT 1 -- two;\n, 2 /* ; /* ; */ ; */;"}},
		"commands":         {"\\connect x;y\nSELECT 1;", []string{"line \\connect x;y\n", "statement SELECT 1;"}},
		"rows":             {"COPY t (a) FROM stdin;\nSELECT 1;\n\\\\.\n\\N\n\\.x\n\n\\.\nSELECT 2;", []string{"statement COPY t (a) FROM stdin;", "rows 5", "statement SELECT 2;"}},
		"no rows":          {"COPY t FROM stdin;\n\\.\n", []string{"statement COPY t FROM stdin;", "rows 0"}},
		"rows like an end": {"COPY t FROM stdin;\n-- PostgreSQL database dump complete\n\\.\n", []string{"statement COPY t FROM stdin;", "rows 1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for size := 1; size <= len(tt.text); size++ {
				r := &recorder{}
				scan := &sqlScanner{h: r}
				for rest := []byte(tt.text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
					if err := scan.write(rest[:min(size, len(rest))]); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(tt.want, r.parts); diff != "" {
					t.Fatalf("in pieces of %d:\n%s", size, diff)
				}
				if r.all.String() != tt.text || !scan.idle() {
					t.Fatalf("in pieces of %d: %q is left of the text, idle %v", size, r.all.String(), scan.idle())
				}
			}
		})
	}
}

func TestSQLScanner_LongStatementStreamsThrough(t *testing.T) {
	text := "SELECT lowrite(0, '" + strings.Repeat("x;", maxHead*2) + "');\nSELECT 1;"
	r := &recorder{}
	scan := &sqlScanner{h: r}
	if err := scan.write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if r.all.String() != text || !strings.HasPrefix(r.parts[1], "more") || r.parts[len(r.parts)-1] != "statement SELECT 1;" {
		t.Errorf("%d parts, %d of %d bytes", len(r.parts), r.all.Len(), len(text))
	}
	if cap(scan.text) > 4*maxHead {
		t.Errorf("%d bytes were held", cap(scan.text))
	}
}

func FuzzSQLScanner_SameInAnyPieces(f *testing.F) {
	f.Add([]byte("COPY t FROM stdin;\n1\n\\.\nSELECT $x$ ; $x$, E'\\'';\n-- c\n\\connect x\n"), uint8(3))
	f.Add([]byte(tinyDump()), uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		step := int(size) + 1
		one, many := &recorder{}, &recorder{}
		first := (&sqlScanner{h: one}).write(text)
		scan := &sqlScanner{h: many}
		var second error
		for rest := text; len(rest) > 0 && second == nil; rest = rest[min(step, len(rest)):] {
			second = scan.write(rest[:min(step, len(rest))])
		}
		if (first == nil) != (second == nil) {
			t.Fatalf("whole: %v, in pieces: %v", first, second)
		}
		if diff := cmp.Diff(one.parts, many.parts); diff != "" {
			t.Fatal(diff)
		}
		if first == nil && !bytes.HasPrefix(text, many.all.Bytes()) {
			t.Fatal("the text was changed")
		}
		p := newPostgresProver()
		p.Write(text)
		if _, err := p.Proof(); err == nil && !bytes.HasPrefix(text, []byte(pgHeader)) {
			t.Fatal("a text without our header counts as a dump")
		}
		if _, err := io.Copy(io.Discard, newPgRewriter(bytes.NewReader(text), func(n int) string { return fmt.Sprint("new", n) }, "m", "postgres")); err == nil {
			p = newPostgresProver()
			p.Write(text)
			if _, err := p.Proof(); err != nil {
				t.Fatalf("rewritten to its end, but not whole: %v", err)
			}
		}
	})
}
