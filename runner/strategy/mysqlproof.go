package strategy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The dump is mysqldump's own text with a few comment lines around it and the accounts beside it. The lines carry a
// random mark, so that no name or value inside the databases can look like one.
const (
	myHeader       = "-- simpledeploy-backup mysql dump, format 1, "
	myAccountsPart = "accounts"
	myGrantsPart   = "grants"
	myDatabases    = "databases "
	myCompletion   = "-- Dump completed"
)

// myProof follows a dump and knows at its end whether it is whole.
type myProof struct {
	scan   *myScanner
	maria  bool   // which engine the header names
	prefix string // "-- mark <mark>: "; empty before the header
	done   bool
	err    error

	part    string
	wanted  []string        // databases that the dump says it holds
	created map[string]bool // those that were seen
	ended   bool            // mysqldump's completion line was seen
	name    string          // of the database we are in
	tables  []pgTable
	index   map[string]int // place in tables
	current string         // the table we are in
	total   Proof
}

func newMySQLProver() Prover { return newMyProof() }

func newMyProof() *myProof {
	p := &myProof{created: map[string]bool{}, index: map[string]int{}, total: Proof{Format: "mysqldump", Detail: map[string]int64{}}}
	p.scan = newMyScanner(p)
	return p
}

// Write never fails: what is wrong is told by Proof.
func (p *myProof) Write(b []byte) (int, error) {
	if p.err == nil {
		p.err = p.scan.write(b)
	}
	return len(b), nil
}

// Proof is nil only for a dump that ended with all its completion marks.
func (p *myProof) Proof() (Proof, error) {
	switch {
	case p.err != nil:
		return Proof{}, fmt.Errorf("prove dump: %w", p.err)
	case p.prefix == "":
		return Proof{}, errors.New("prove dump: it is empty")
	case !p.done || !p.scan.idle():
		return Proof{}, fmt.Errorf("prove dump: it is cut short%s", p.where())
	}
	p.total.Tables = int64(len(p.tables))
	for _, table := range p.tables {
		p.total.Rows += table.rows
		if len(p.total.Detail) < maxDetailTables {
			p.total.Detail[table.name] = table.rows
		}
	}
	return p.total, nil
}

func (p *myProof) where() string {
	switch {
	case p.part == myDatabases && p.current != "":
		return " in or after the table " + p.current
	case p.part == myDatabases:
		return fmt.Sprintf(" in database %q", p.name)
	case p.part != "":
		return " in the " + p.part
	}
	return ""
}

func (p *myProof) statement(head []byte, groups int64) error {
	switch {
	case p.prefix == "":
		return errors.New("it does not begin like a dump of this program")
	case p.done || p.part == "" || p.part == myDatabases && p.ended:
		return errors.New("there are statements after an end mark")
	case p.part != myDatabases:
		return nil
	}
	if rest, ok := bytes.CutPrefix(head, []byte("INSERT INTO ")); ok {
		return p.rows(rest, groups)
	}
	if rest, ok := bytes.CutPrefix(head, []byte("CREATE TABLE ")); ok {
		return p.table(rest)
	}
	if rest, ok := bytes.CutPrefix(head, []byte("USE ")); ok {
		p.name, _, ok = cutBacktick(rest)
		if !ok || !p.created[p.name] {
			return fmt.Errorf("it uses a database that it did not create: %.80q", rest)
		}
		return nil
	}
	if rest, ok := bytes.CutPrefix(head, []byte("CREATE DATABASE ")); ok {
		_, name, _ := bytes.Cut(rest, []byte("`"))
		database, _, ok := cutBacktick(append([]byte("`"), name...))
		if !ok || p.created[database] {
			return fmt.Errorf("it creates a database in a way that mysqldump does not: %.80q", rest)
		}
		p.created[database], p.current = true, ""
	}
	return nil
}

func (p *myProof) table(rest []byte) error {
	name, _, ok := cutBacktick(rest)
	if !ok || p.name == "" {
		return fmt.Errorf("it creates a table in a way that mysqldump does not: %.80q", rest)
	}
	p.current = p.name + "." + name
	if _, again := p.index[p.current]; again {
		return fmt.Errorf("it holds the table %s twice", p.current)
	}
	p.index[p.current] = len(p.tables)
	p.tables = append(p.tables, pgTable{name: p.current})
	return nil
}

// rows counts the groups of `t` VALUES (…),(…); a list of columns before VALUES is a group too.
func (p *myProof) rows(rest []byte, groups int64) error {
	name, after, ok := cutBacktick(rest)
	at, known := p.index[p.name+"."+name]
	if !ok || !known {
		return fmt.Errorf("it has rows of a table that it did not create: %.80q", rest)
	}
	if bytes.HasPrefix(bytes.TrimLeft(after, " \n"), []byte("(")) {
		groups--
	}
	if groups < 1 {
		return fmt.Errorf("it has an INSERT without rows into %s.%s", p.name, name)
	}
	p.tables[at].rows += groups
	return nil
}

func (p *myProof) comment(line []byte) error {
	switch {
	case p.done:
		return errors.New("there is text after its end")
	case p.prefix == "":
		return p.header(string(line))
	case bytes.HasPrefix(line, []byte(p.prefix)):
		return p.turn(string(line[len(p.prefix):]))
	case p.part == myDatabases && bytes.HasPrefix(line, []byte(myCompletion)):
		p.ended = true
	}
	return nil
}

// myHeaderLine is the first line of a dump; it names the engine, since the two do not read each other's dumps.
func myHeaderLine(maria bool, mark string) string {
	engine := "MySQL"
	if maria {
		engine = "MariaDB"
	}
	return myHeader + engine + ", mark " + mark
}

func (p *myProof) header(line string) error {
	rest, ok := strings.CutPrefix(line, myHeader)
	engine, mark, found := strings.Cut(rest, ", mark ")
	if !ok || !found || len(mark) < 16 || engine != "MySQL" && engine != "MariaDB" {
		return errors.New("it does not begin like a dump of this program")
	}
	p.maria, p.prefix = engine == "MariaDB", "-- mark "+mark+": "
	return nil
}

// turn ends one part and begins the next: accounts, databases, grants; a dump of named databases has the second only.
func (p *myProof) turn(what string) error {
	if p.part == myDatabases {
		if err := p.endDatabases(); err != nil {
			return err
		}
	}
	names, isDatabases := strings.CutPrefix(what, myDatabases)
	switch {
	case what == myAccountsPart && p.part == "":
	case isDatabases && (p.part == "" || p.part == myAccountsPart):
		if err := json.Unmarshal([]byte(names), &p.wanted); err != nil || len(p.wanted) == 0 {
			return fmt.Errorf("it has a part that does not belong there: %.80q", what)
		}
		what = myDatabases
	case what == myGrantsPart && p.part == myDatabases:
	case what == completeMark(len(p.wanted)) && (p.part == myDatabases || p.part == myGrantsPart):
		p.done = true
	default:
		return fmt.Errorf("it has a part that does not belong there: %.80q", what)
	}
	p.part = what
	return nil
}

func (p *myProof) endDatabases() error {
	if !p.ended {
		return fmt.Errorf("mysqldump's completion line is missing%s", p.where())
	}
	for _, name := range p.wanted {
		if !p.created[name] {
			return fmt.Errorf("database %q is missing", name)
		}
	}
	if len(p.created) != len(p.wanted) {
		return errors.New("it holds databases that it does not name")
	}
	return nil
}

// cutBacktick takes a quoted name off the begin of text.
func cutBacktick(text []byte) (name string, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '`' {
		return "", text, false
	}
	name, after, ok := cutQuoted(string(text[:min(len(text), 1024)]), '`')
	return name, text[min(len(text), 1024)-len(after):], ok
}
