package strategy

import (
	"fmt"
	"io"
	"strings"
)

// guardRole creates a role only where it is missing. The plain statement of pg_dumpall would stop psql at the first
// role that exists, and the superuser always does. A remark marks what was created, for the one who cleans up.
func guardRole(name, remark string) string {
	tag := "$role$"
	for n := 0; strings.Contains(name+remark, tag); n++ {
		tag = fmt.Sprintf("$role%d$", n)
	}
	then := "CREATE ROLE " + quoteIdent(name) + ";"
	if remark != "" {
		then += " COMMENT ON ROLE " + quoteIdent(name) + " IS " + quoteText(remark) + ";"
	}
	return "DO " + tag + " BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + quoteText(name) +
		") THEN " + then + " END IF; END " + tag + ";"
}

// guardedRole is the name in a statement that guardRole made.
func guardedRole(text string) (string, bool) {
	_, after, ok := strings.Cut(text, " WHERE rolname = ")
	if !ok {
		return "", false
	}
	name, _, ok := cutText(after)
	return name, ok && text == guardRole(name, "")
}

// roleGuard rewrites what pg_dumpall writes: every CREATE ROLE guarded, everything else as it is.
type roleGuard struct{ w io.Writer }

func (g roleGuard) statement(text []byte) error {
	rest, ok := strings.CutPrefix(string(text), "CREATE ROLE ")
	if !ok {
		return g.line(text)
	}
	name, rest, ok := cutIdent(rest)
	if !ok || rest != ";" {
		return fmt.Errorf("read roles: %.80q is not what pg_dumpall writes", text)
	}
	return g.line([]byte(guardRole(name, "")))
}

func (g roleGuard) line(text []byte) error {
	_, err := g.w.Write(text)
	return err
}

func (g roleGuard) more(text []byte) error { return g.line(text) }
func (g roleGuard) data(text []byte) error { return g.line(text) }
func (g roleGuard) dataEnd(int64) error    { return nil }
