package strategy

import (
	"bytes"
	"errors"
)

// maxHead is how much of one statement is kept to look at; what is longer streams through behind its head.
const maxHead = 64 << 10

// sqlHandler is told what a plain SQL dump consists of, in order and without a gap: written one after another, the
// texts are the dump. The slices are only valid during the call.
type sqlHandler interface {
	statement(text []byte) error // a whole one with its semicolon, or the head of a long one
	more(text []byte) error      // the next piece of a long statement
	line(text []byte) error      // a backslash command, comment line or blank space between statements
	data(text []byte) error      // lines of a COPY block, or pieces of them, the end mark included
	dataEnd(rows int64) error
}

type scanState int

const (
	atStart scanState = iota
	inPlain
	inQuote
	inEscape // the byte after a backslash in E'…'
	inIdent
	inTag
	inDollar
	inComment // within a statement
	inBlock
	inLine // a comment line or backslash command between statements
	inBreak
	inData
)

// sqlScanner splits a plain dump as psql would read it, in constant memory. Text in quotes, comments, function bodies
// and COPY rows is never taken for a statement.
type sqlScanner struct {
	h     sqlHandler
	state scanState
	text  []byte // of the statement or line so far, as far as not handed over
	long  bool
	last  [2]byte // the bytes before, outside quotes
	esc   bool    // the quote knows backslashes
	tag   []byte
	match int
	depth int

	rows int64
	mark int // how much of the end mark the line has so far; -1: none
}

var (
	errLongLine  = errors.New("a line between statements is longer than 64 KiB")
	errBackslash = errors.New("a backslash command stands within a statement")
	copyEnd      = []byte("\n\\.")
)

func (s *sqlScanner) write(p []byte) error {
	for len(p) > 0 {
		var n int
		var err error
		switch s.state {
		case inData:
			n, err = s.scanData(p)
		case atStart:
			n, err = s.scanStart(p)
		default:
			n, err = s.scanText(p)
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// idle says whether the text may end here.
func (s *sqlScanner) idle() bool { return s.state == atStart && len(s.text) == 0 }

func (s *sqlScanner) scanStart(p []byte) (int, error) {
	n := len(p) - len(bytes.TrimLeft(p, " \t\r\n"))
	if n > 0 {
		return n, s.h.line(p[:n])
	}
	s.last = [2]byte{}
	s.state = inPlain
	if p[0] == '\\' {
		s.state = inLine
	}
	return 0, nil
}

// scanText takes bytes of a statement or line up to the next change of state.
func (s *sqlScanner) scanText(p []byte) (int, error) {
	n := s.run(p)
	if n == 0 {
		n = 1
		s.step(p[0])
	}
	s.text = append(s.text, p[:n]...)
	switch {
	case s.state == inLine && p[n-1] == '\n':
		return n, s.flushLine()
	case s.state == inBreak && len(s.text) == 1 && !s.long && p[0] == '\n':
		s.state, s.mark, s.rows = inData, 0, 0
		err := s.h.line(s.text)
		s.text = s.text[:0]
		return n, err
	case s.state == inBreak:
		return n, errors.New("a COPY statement is not followed by its rows")
	case s.state == inPlain && p[n-1] == '\\':
		return n, errBackslash
	case s.state == inPlain && p[n-1] == ';':
		return n, s.flushStatement()
	case len(s.text) >= maxHead:
		return n, s.flushHead()
	}
	return n, nil
}

// run is how many bytes of p can be passed without looking at each.
func (s *sqlScanner) run(p []byte) int {
	var n int
	switch s.state {
	case inQuote:
		n = bytes.IndexByte(p, '\'')
		if s.esc {
			n = bytes.IndexAny(p, `\'`)
		}
	case inIdent:
		n = bytes.IndexByte(p, '"')
	case inDollar:
		if s.match > 0 {
			return 0
		}
		n = bytes.IndexByte(p, '$')
	case inComment, inLine:
		n = bytes.IndexByte(p, '\n')
	default: // every byte counts
		return 0
	}
	if n < 0 {
		n = len(p)
	}
	return min(n, maxHead)
}

func (s *sqlScanner) step(b byte) {
	switch s.state {
	case inPlain:
		s.stepPlain(b)
		return
	case inQuote:
		if b == '\\' && s.esc {
			s.state = inEscape
		} else if b == '\'' {
			s.leave(b)
		}
	case inEscape:
		s.state = inQuote
	case inIdent:
		if b == '"' {
			s.leave(b)
		}
	case inTag:
		s.stepTag(b)
	case inDollar:
		s.stepDollar(b)
	case inComment:
		if b == '\n' {
			s.leave(b)
		}
	case inBlock:
		s.stepBlock(b)
	default: // a line and what is not text have no inner states
	}
}

func (s *sqlScanner) leave(b byte) { s.state, s.last = inPlain, [2]byte{0, b} }

func (s *sqlScanner) stepPlain(b byte) {
	before := s.last
	s.last = [2]byte{before[1], b}
	switch {
	case b == '\'':
		again := before[1] == '\'' // '' goes on with the same kind of quote
		s.esc = (again && s.esc) || ((before[1] == 'E' || before[1] == 'e') && !identByte(before[0]))
		s.state = inQuote
	case b == '"':
		s.state = inIdent
	case b == '$' && !identByte(before[1]):
		s.state, s.tag, s.match = inTag, append(s.tag[:0], '$'), 0
	case b == '-' && before[1] == '-':
		s.state = inComment
		if len(s.text) == 1 && !s.long {
			s.state = inLine
		}
	case b == '*' && before[1] == '/':
		s.state, s.depth, s.last = inBlock, 1, [2]byte{}
	}
}

func (s *sqlScanner) stepTag(b byte) {
	switch {
	case b == '$':
		s.tag = append(s.tag, b)
		s.state, s.match = inDollar, 0
	case identByte(b) && len(s.tag) < 128 && (len(s.tag) > 1 || b < '0' || b > '9'): // $1 is a parameter
		s.tag = append(s.tag, b)
	default:
		s.state, s.last = inPlain, [2]byte{}
		s.stepPlain(b)
	}
}

func (s *sqlScanner) stepDollar(b byte) {
	switch b {
	case s.tag[s.match]:
		s.match++
	case '$':
		s.match = 1
	default:
		s.match = 0
	}
	if s.match == len(s.tag) {
		s.leave(b)
		s.match = 0
	}
}

func (s *sqlScanner) stepBlock(b byte) {
	before := s.last[1]
	s.last[1] = b
	switch {
	case before == '/' && b == '*':
		s.depth++
		s.last[1] = 0
	case before == '*' && b == '/':
		s.depth--
		s.last[1] = 0
	}
	if s.depth == 0 {
		s.leave(0)
	}
}

func identByte(b byte) bool {
	return b == '_' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

func (s *sqlScanner) flushLine() error {
	err := s.h.line(s.text)
	s.state, s.text = atStart, s.text[:0]
	return err
}

func (s *sqlScanner) flushStatement() error {
	s.state = atStart
	var err error
	if s.long {
		err = s.h.more(s.text)
	} else {
		if bytes.HasPrefix(s.text, []byte("COPY ")) && bytes.HasSuffix(s.text, []byte(" FROM stdin;")) {
			s.state = inBreak
		}
		err = s.h.statement(s.text)
	}
	s.text, s.long = s.text[:0], false
	return err
}

func (s *sqlScanner) flushHead() error {
	var err error
	switch {
	case s.state == inLine:
		return errLongLine
	case s.long:
		err = s.h.more(s.text)
	default:
		err = s.h.statement(s.text)
	}
	s.text, s.long = s.text[:0], true
	return err
}

// scanData takes rows. A row never holds the end mark: COPY writes a backslash in a value as two.
func (s *sqlScanner) scanData(p []byte) (int, error) {
	switch {
	case s.mark == 2 && p[0] == '\n':
		s.state = atStart
		return 1, errors.Join(s.h.data(p[:1]), s.h.dataEnd(s.rows))
	case s.mark == 1 && p[0] == '.', s.mark == 0 && p[0] == '\\':
		s.mark++
		return 1, s.h.data(p[:1])
	}
	s.mark = -1
	if end := bytes.Index(p, copyEnd); end >= 0 {
		p = p[:end+1]
	} else if p[len(p)-1] == '\\' && len(p) > 1 && p[len(p)-2] == '\n' {
		p = p[:len(p)-1] // looked at again as the begin of a line
	}
	s.rows += int64(bytes.Count(p, copyEnd[:1]))
	if p[len(p)-1] == '\n' {
		s.mark = 0
	}
	return len(p), s.h.data(p)
}
