package strategy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The dump is PostgreSQL's own text with a few comment lines between its parts. They carry a random mark, so that no
// name or value inside the database can look like one.
const (
	pgHeader        = "-- simpledeploy-backup postgres dump, format 1, mark "
	pgRolesPart     = "roles"
	pgDatabasePart  = "database "
	pgRolesEnd      = "-- PostgreSQL database cluster dump complete\n"
	pgDatabaseEnd   = "-- PostgreSQL database dump complete\n"
	maxDetailTables = 10_000
)

// pgProof follows a dump and knows at its end whether it is whole.
type pgProof struct {
	scan   *sqlScanner
	prefix string // "-- mark <mark>: "; empty before the header
	began  bool
	done   bool
	err    error

	part    string // the part we are in: pgRolesPart, or pgDatabasePart for a database
	name    string // of that database
	created bool   // its CREATE DATABASE was seen
	ended   bool   // its completion comment was seen
	names   map[string]bool

	table  string
	tables []pgTable
	total  Proof
}

type pgTable struct {
	name string
	rows int64
}

func newPostgresProver() Prover {
	p := newProof()
	p.scan = &sqlScanner{h: p}
	return p
}

func newProof() *pgProof {
	return &pgProof{names: map[string]bool{}, total: Proof{Format: "pg_dump", Detail: map[string]int64{}}}
}

// Write never fails: what is wrong is told by Proof.
func (p *pgProof) Write(b []byte) (int, error) {
	if p.err == nil {
		p.err = p.scan.write(b)
	}
	return len(b), nil
}

// Proof is nil only for a dump that ended with all its completion marks.
func (p *pgProof) Proof() (Proof, error) {
	if err := p.whole(p.scan); err != nil {
		return Proof{}, fmt.Errorf("prove dump: %w", err)
	}
	return p.total, nil
}

func (p *pgProof) whole(s *sqlScanner) error {
	switch {
	case p.err != nil:
		return p.err
	case !p.began:
		return errors.New("it is empty")
	case !p.done || !s.idle():
		return fmt.Errorf("it is cut short%s", p.where())
	}
	return nil
}

func (p *pgProof) where() string {
	switch {
	case p.table != "":
		return fmt.Sprintf(" in the rows of %s.%s", p.name, p.table)
	case p.part == pgDatabasePart:
		return fmt.Sprintf(" in database %q", p.name)
	case p.part == pgRolesPart:
		return " in the roles"
	}
	return ""
}

func (p *pgProof) statement(text []byte) error {
	if err := p.inside(); err != nil {
		return err
	}
	if p.part == pgDatabasePart && bytes.HasPrefix(text, []byte("CREATE DATABASE ")) {
		p.created = true
	}
	if bytes.HasPrefix(text, []byte("COPY ")) && bytes.HasSuffix(text, []byte(" FROM stdin;")) {
		p.table = copyTable(string(text))
	}
	return nil
}

// inside says no where a dump cannot have a statement.
func (p *pgProof) inside() error {
	switch {
	case !p.began:
		return errors.New("it does not begin like a dump of this program")
	case p.done, p.part == "", p.ended:
		return errors.New("there are statements after an end mark")
	}
	return nil
}

// copyTable is the table of `COPY public.t (a, b) FROM stdin;` as the dump writes its name.
func copyTable(text string) string {
	text = strings.TrimPrefix(text, "COPY ")
	quoted := false
	for i := range len(text) {
		if text[i] == '"' {
			quoted = !quoted
		}
		if text[i] == ' ' && !quoted {
			return text[:i]
		}
	}
	return text
}

func (p *pgProof) more([]byte) error { return nil }

func (p *pgProof) data([]byte) error { return nil }

func (p *pgProof) dataEnd(rows int64) error {
	name := p.name + "." + p.table
	p.tables = append(p.tables, pgTable{name, rows})
	p.total.Tables++
	p.total.Rows += rows
	if len(p.total.Detail) < maxDetailTables {
		p.total.Detail[name] = rows
	}
	p.table = ""
	return nil
}

func (p *pgProof) line(text []byte) error {
	switch {
	case p.done:
		return errors.New("there is text after its end")
	case !p.began:
		return p.header(string(text))
	case bytes.HasPrefix(text, []byte(p.prefix)):
		return p.turn(strings.TrimSuffix(string(text[len(p.prefix):]), "\n"))
	case p.part == pgRolesPart && string(text) == pgRolesEnd, p.part == pgDatabasePart && string(text) == pgDatabaseEnd:
		p.ended = true
	}
	return nil
}

func (p *pgProof) header(line string) error {
	mark, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), pgHeader)
	if !ok || len(mark) < 16 {
		return errors.New("it does not begin like a dump of this program")
	}
	p.began, p.prefix = true, "-- mark "+mark+": "
	return nil
}

// turn ends one part and begins the next.
func (p *pgProof) turn(what string) error {
	if p.part != "" && !p.ended {
		return fmt.Errorf("the completion comment is missing%s", p.where())
	}
	if p.part == pgDatabasePart && !p.created {
		return fmt.Errorf("there is no CREATE DATABASE%s", p.where())
	}
	quoted, isDatabase := strings.CutPrefix(what, pgDatabasePart)
	switch {
	case what == completeMark(len(p.names)) && len(p.names) > 0:
		p.done, p.part = true, ""
		return nil
	case what == pgRolesPart && p.part == "":
		p.part = pgRolesPart
	case isDatabase && json.Unmarshal([]byte(quoted), &p.name) == nil && !p.names[p.name]:
		p.part, p.names[p.name] = pgDatabasePart, true
	default:
		return fmt.Errorf("it has a part that does not belong there: %.80q", what)
	}
	p.created, p.ended = false, false
	return nil
}

func completeMark(databases int) string { return fmt.Sprintf("complete, databases: %d", databases) }
