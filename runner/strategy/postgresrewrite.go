package strategy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// pgRewriter reads a dump and gives the text that builds every database under another name. Only the closed list of
// statements that name the database is rewritten, and never within quotes, bodies or rows; others of that kind are
// refused. Its end is clean only when the source's was and the dump is whole.
type pgRewriter struct {
	*pgProof
	scan    *sqlScanner
	r       io.Reader
	in      []byte
	out     bytes.Buffer
	end     error
	good    bool               // the end is that of a whole dump
	staging func(n int) string // name of the nth database while it is built
	marker  string             // remark on roles that are created
	self    string             // the restoring role: its password and rights stay

	order []string // databases in the order of the dump
	roles bytes.Buffer
	kept  bool // the restoring role's own settings were left as they are
}

const maxRoles = 64 << 20

func newPgRewriter(r io.Reader, staging func(int) string, marker, self string) *pgRewriter {
	w := &pgRewriter{pgProof: newProof(), r: r, in: make([]byte, 256<<10), staging: staging, marker: marker, self: self}
	w.scan = &sqlScanner{h: w}
	return w
}

// Read implements io.Reader.
func (w *pgRewriter) Read(p []byte) (int, error) {
	for w.out.Len() == 0 {
		if w.end != nil {
			return 0, w.end
		}
		n, err := w.r.Read(w.in)
		if werr := w.scan.write(w.in[:n]); werr != nil {
			w.end = fmt.Errorf("read dump: %w", werr)
		} else if err == io.EOF {
			w.end = w.finish()
		} else if err != nil {
			w.end = fmt.Errorf("read dump: %w", err)
		}
	}
	return w.out.Read(p)
}

func (w *pgRewriter) finish() error {
	if err := w.whole(w.scan); err != nil {
		return fmt.Errorf("read dump: %w", err)
	}
	w.good = true
	return io.EOF
}

// complete says whether the dump was read to its good end.
func (w *pgRewriter) complete() bool { return w.good && w.out.Len() == 0 }

func (w *pgRewriter) emit(text []byte) error {
	w.out.Write(text)
	return nil
}

func (w *pgRewriter) more(text []byte) error { return w.emit(text) }
func (w *pgRewriter) data(text []byte) error { return w.emit(text) }

func (w *pgRewriter) line(text []byte) error {
	before := len(w.names)
	if err := w.pgProof.line(text); err != nil {
		return err
	}
	if len(w.names) > before {
		w.order = append(w.order, w.name)
	}
	if !bytes.HasPrefix(text, []byte(`\`)) {
		return w.emit(text)
	}
	command, argument, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	switch {
	case command == `\restrict` || command == `\unrestrict` || command == `\encoding`:
		return w.emit(text)
	case command == `\connect` && w.part == pgDatabasePart && connectName(argument) == w.name:
		return w.emit([]byte(`\connect ` + quoteIdent(w.current()) + "\n"))
	}
	return refused(text)
}

// connectName reads what pg_dump writes behind \connect: a name, or a quoted connection string.
func connectName(argument string) string {
	conn, ok := strings.CutPrefix(argument, "-reuse-previous=on ")
	name, rest, read := cutIdent(conn)
	if !ok || !read {
		if rest != "" {
			return argument
		}
		return name
	}
	name, ok = strings.CutPrefix(name, "dbname='")
	if !ok || !strings.HasSuffix(name, "'") || rest != "" {
		return ""
	}
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(strings.TrimSuffix(name, "'"))
}

func (w *pgRewriter) current() string { return w.staging(len(w.order) - 1) }

func (w *pgRewriter) statement(text []byte) error {
	if err := w.pgProof.statement(text); err != nil {
		return err
	}
	if w.part == pgRolesPart {
		return w.role(string(text))
	}
	if !namesCluster(text) {
		return w.emit(text)
	}
	before, rest, ok := cutDatabase(string(text))
	name, after, found := cutIdent(rest)
	switch {
	case !ok || !found || name != w.name || len(text) >= maxHead:
		return refused(text)
	case before == "DROP DATABASE IF EXISTS " && after == ";":
		return nil // there is nothing of that name yet
	}
	return w.emit([]byte(before + quoteIdent(w.current()) + after))
}

func refused(text []byte) error {
	return fmt.Errorf("%.120q is not a statement that a dump of one database holds; restore this file by hand", text)
}

// namesCluster says whether a statement is about more than what lies inside one database.
func namesCluster(text []byte) bool {
	words := strings.Fields(strings.ToUpper(string(text[:min(len(text), 512)])))
	words = append(words, "", "", "", "")
	switch words[0] {
	case "CREATE", "DROP", "ALTER":
		return clusterObject(words[1]) && (words[1] != "USER" || words[2] != "MAPPING")
	case "COMMENT":
		return clusterObject(words[2])
	case "SECURITY", "GRANT", "REVOKE":
		for i, word := range words {
			if word == "ON" {
				return clusterObject(words[i+1])
			}
		}
		return words[0] != "SECURITY" // a role granted to a role
	}
	return false
}

func clusterObject(word string) bool {
	switch strings.TrimSuffix(word, ";") {
	case "DATABASE", "ROLE", "USER", "GROUP", "TABLESPACE", "SYSTEM", "PARAMETER":
		return true
	}
	return false
}

// cutDatabase splits a statement of the closed list before the name of the database.
func cutDatabase(text string) (before, rest string, ok bool) {
	for _, head := range []string{"DROP DATABASE IF EXISTS ", "CREATE DATABASE ", "ALTER DATABASE ", "COMMENT ON DATABASE "} {
		if rest, ok := strings.CutPrefix(text, head); ok {
			return head, rest, true
		}
	}
	for head, join := range map[string]string{"ALTER ROLE ": " IN DATABASE ", "SECURITY LABEL FOR ": " ON DATABASE "} {
		if rest, ok := strings.CutPrefix(text, head); ok {
			_, rest, ok = cutIdent(rest)
			after, found := strings.CutPrefix(rest, join)
			return text[:len(text)-len(after)], after, ok && found
		}
	}
	head, rest, ok := strings.Cut(text, " ON DATABASE ")
	privileges := strings.HasPrefix(head, "GRANT ") || strings.HasPrefix(head, "REVOKE ")
	if !ok || !privileges || strings.Trim(head, "ABCDEFGHIJKLMNOPQRSTUVWXYZ, ") != "" {
		return "", "", false
	}
	return head + " ON DATABASE ", rest, true
}

// role lets missing roles be made at once, bare and marked, and keeps what alters a role for the moment of the swap.
func (w *pgRewriter) role(text string) error {
	if name, ok := guardedRole(text); ok {
		return w.emit([]byte(guardRole(name, w.marker)))
	}
	if strings.HasPrefix(text, "SET ") {
		return w.emit([]byte(text))
	}
	if rest, ok := strings.CutPrefix(text, "ALTER ROLE "); ok {
		if name, rest, _ := cutIdent(rest); name == w.self && strings.HasPrefix(rest, " WITH ") {
			w.kept = true
			return nil
		}
	} else if !strings.HasPrefix(text, "GRANT ") && !strings.HasPrefix(text, "REVOKE ") &&
		!strings.HasPrefix(text, "COMMENT ON ROLE ") && !strings.HasPrefix(text, "SECURITY LABEL ") {
		return refused([]byte(text))
	}
	if len(text) >= maxHead || w.roles.Len()+len(text) > maxRoles {
		return errors.New("the roles are larger than a restore holds in memory; restore this file by hand")
	}
	w.roles.WriteString(text + "\n")
	return nil
}
