package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	sqliteMagic  = "SQLite format 3\x00"
	sqliteHeader = 100
)

// newSQLiteProver follows a database, or a tar of several: a header that makes sense, and as many bytes as it says that
// there are pages, no more and no less. What is in the tables cannot be seen in a stream; the helper counts it.
func newSQLiteProver() Prover { return &sqliteProver{} }

type sqliteProver struct {
	head    []byte      // the stream's beginning, until it is known what it is
	archive *tarProver  // of several
	file    *sqliteFile // the one, or the archive's current one
	files   int64
	err     error
}

// Write never fails: what is wrong with the stream is told by Proof.
func (s *sqliteProver) Write(p []byte) (int, error) {
	n := len(p)
	switch {
	case s.archive != nil:
		_, _ = s.archive.Write(p)
	case s.file != nil:
		s.file.write(p)
	default:
		s.head = append(s.head, p...)
		if len(s.head) >= len(sqliteMagic) {
			s.decide()
		}
	}
	return n, nil
}

func (s *sqliteProver) decide() {
	head := s.head
	s.head = nil
	if bytes.HasPrefix(head, []byte(sqliteMagic)) {
		s.file = &sqliteFile{}
		s.file.write(head)
		return
	}
	s.archive, _ = newTarProver().(*tarProver)
	s.archive.begins = s.next
	s.archive.gives = func(p []byte) { s.file.write(p) }
	_, _ = s.archive.Write(head)
}

// next is called for each member of an archive.
func (s *sqliteProver) next(path string) {
	s.end()
	s.file = &sqliteFile{name: path}
}

// end judges the file that has just ended.
func (s *sqliteProver) end() {
	if s.file == nil {
		return
	}
	s.files++
	if err := s.file.verdict(); s.err == nil {
		s.err = err
	}
	s.file = nil
}

// Proof tells what was in the stream, or why it is not whole.
func (s *sqliteProver) Proof() (Proof, error) {
	if s.archive == nil && s.file == nil {
		return Proof{}, errors.New("database is cut short: its header is missing")
	}
	if s.archive == nil {
		size := s.file.size
		s.end()
		if s.err != nil {
			return Proof{}, s.err
		}
		return Proof{Format: "sqlite", Entries: 1, Bytes: size}, nil
	}
	p, err := s.archive.Proof()
	if err != nil {
		return Proof{}, err
	}
	if s.end(); s.err != nil {
		return Proof{}, s.err
	}
	if p.Entries != p.Detail["files"] || p.Entries != s.files {
		return Proof{}, errors.New("archive holds something that is no database")
	}
	return Proof{Format: "sqlite", Entries: p.Entries, Bytes: p.Bytes, Digest: p.Digest}, nil
}

// sqliteFile follows one database.
type sqliteFile struct {
	name string // in an archive
	head []byte
	size int64
}

func (f *sqliteFile) write(p []byte) {
	f.size += int64(len(p))
	if missing := sqliteHeader - len(f.head); missing > 0 {
		f.head = append(f.head, p[:min(missing, len(p))]...)
	}
}

func (f *sqliteFile) verdict() error {
	err := f.sound()
	if err != nil && f.name != "" {
		return fmt.Errorf("database /%s: %w", f.name, err)
	}
	return err
}

func (f *sqliteFile) sound() error {
	if len(f.head) < sqliteHeader || !bytes.HasPrefix(f.head, []byte(sqliteMagic)) {
		return errors.New("database is cut short, or none: its header is missing")
	}
	page := int64(binary.BigEndian.Uint16(f.head[16:18]))
	if page == 1 {
		page = 65536
	}
	pages := int64(binary.BigEndian.Uint32(f.head[28:32]))
	switch {
	case page < 512 || page&(page-1) != 0 || f.head[21] != 64 || f.head[22] != 32 || f.head[23] != 32:
		return errors.New("database is broken: its header makes no sense")
	case !bytes.Equal(f.head[24:28], f.head[92:96]):
		return errors.New("database is broken: the size in its header is not that of its last change")
	case f.size < pages*page:
		return fmt.Errorf("database is cut short: it has %d bytes of %d pages of %d", f.size, pages, page)
	case f.size != pages*page || pages == 0:
		return fmt.Errorf("database is broken: it has %d bytes and %d pages of %d", f.size, pages, page)
	}
	return nil
}
