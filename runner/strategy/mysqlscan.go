package strategy

import (
	"bytes"
	"errors"
	"strings"
)

// myHead is how much of one statement is kept to look at. Rows stream past behind it.
const myHead = 8 << 10

// myHandler is told what a dump consists of. The slices are only valid during the call.
type myHandler interface {
	// statement is the begin of one that ended, and how many bracketed groups stood at its top level.
	statement(head []byte, groups int64) error
	comment(line []byte) error // a comment line between statements, without its newline
}

type myState int

const (
	myStart     myState = iota
	myPlain             // within a statement
	myString            // '…' or "…"
	myEscape            // the byte after a backslash in it
	myName              // `…`
	myDash              // after "-"
	myDashes            // after "--"
	mySlash             // after "/"
	mySlashStar         // after "/*"
	mySlashM            // after "/*M"
	myComment           // -- or # up to the end of the line, within a statement
	myBlock             // a comment that the server does not run
	myBlockStar         // after "*" in it
	myLine              // a comment line between statements
	myDelimiter         // a line that sets the delimiter
)

const myDelimiterWord = "DELIMITER "

// myScanner splits a dump as the mysql client would read it, in constant memory: what stands in quotes, comments and
// bodies is never taken for a statement. It also counts the groups of brackets, which are the rows of an INSERT.
type myScanner struct {
	h        myHandler
	state    myState
	head     []byte // of the statement or line so far
	quote    byte
	depth    int
	groups   int64
	ends     int  // semicolons that end a statement: mysqldump's delimiters are made of them
	seen     int  // of them so far
	verbatim bool // backslashes in quotes are ordinary, as in bodies that were written so
}

func newMyScanner(h myHandler) *myScanner { return &myScanner{h: h, ends: 1} }

var (
	errMyLongLine  = errors.New("a line between statements is longer than a dump writes them")
	errMyDelimiter = errors.New("it sets a delimiter that mysqldump does not use")
)

// idle says whether the text may end here.
func (s *myScanner) idle() bool { return s.state == myStart && len(s.head) == 0 && s.ends == 1 }

func (s *myScanner) write(p []byte) error {
	for len(p) > 0 {
		n := s.swift(p)
		if n == 0 {
			n = s.run(p)
		}
		if n > 0 {
			s.keep(p[:n])
			p = p[n:]
			continue
		}
		if err := s.step(p[0]); err != nil {
			return err
		}
		p = p[1:]
	}
	return nil
}

// keep remembers the begin of what is read.
func (s *myScanner) keep(p []byte) {
	if room := myHead - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(len(p), room)]...)
	}
}

// run is how many bytes change nothing.
func (s *myScanner) run(p []byte) int {
	switch s.state {
	case myName:
		return byteRun(p, '`')
	case myComment, myLine, myDelimiter:
		return byteRun(p, '\n')
	case myBlock:
		return byteRun(p, '*')
	default: // one byte at a time
	}
	return 0
}

func byteRun(p []byte, b byte) int {
	if n := bytes.IndexByte(p, b); n >= 0 {
		return n
	}
	return len(p)
}

func (s *myScanner) step(b byte) error {
	switch s.state {
	case myStart:
		return s.stepStart(b)
	case myLine, myDelimiter:
		return s.endLine()
	default: // within a statement
	}
	s.keep([]byte{b})
	switch s.state {
	case myPlain:
		return s.stepPlain(b)
	case myEscape, myName:
		s.stepQuoted()
		return nil
	default:
		return s.stepComment(b)
	}
}

// stepQuoted takes the byte after a backslash, or the end of a name.
func (s *myScanner) stepQuoted() {
	if s.state == myEscape {
		s.state = myString
	} else {
		s.state = myPlain
	}
}

// stepComment follows what may become a comment, and takes everything else back into the statement.
func (s *myScanner) stepComment(b byte) error {
	switch {
	case s.state == myComment:
		s.state = myPlain
	case s.state == myBlock:
		s.state = myBlockStar
	case s.state == myBlockStar && b == '/':
		s.state = myPlain
	case s.state == myBlockStar && b != '*':
		s.state = myBlock
	case s.state == myBlockStar:
	case s.state == myDash && b == '-':
		s.state = myDashes
	case s.state == myDashes && (b == ' ' || b == '\t'):
		s.state = myComment
	case s.state == myDashes && b == '-':
	case s.state == mySlash && b == '*':
		s.state = mySlashStar
	case s.state == mySlashStar && b == 'M':
		s.state = mySlashM
	case (s.state == mySlashStar || s.state == mySlashM) && b == '!':
		s.state = myPlain // text that the server runs
	case (s.state == mySlashStar || s.state == mySlashM) && b == '*':
		s.state = myBlockStar
	case s.state == mySlashStar || s.state == mySlashM:
		s.state = myBlock
	default:
		s.state = myPlain
		return s.stepPlain(b)
	}
	return nil
}

func (s *myScanner) stepPlain(b byte) error {
	if b != ';' {
		s.seen = 0
	}
	switch b {
	case '\'', '"':
		s.state, s.quote = myString, b
	case '`':
		s.state = myName
	case '#':
		s.state = myComment
	case '-':
		s.state = myDash
	case '/':
		s.state = mySlash
	case '(':
		s.depth++
	case ')':
		if s.depth--; s.depth == 0 {
			s.groups++
		}
	case ';':
		if s.seen++; s.seen == s.ends {
			return s.endStatement()
		}
	}
	return nil
}

func (s *myScanner) endStatement() error {
	head := bytes.TrimSuffix(s.head, []byte(";;")[:min(s.ends, 2)])
	// Bodies are written under the mode that they were made in, and read under it again.
	if set := string(head[:min(len(head), 256)]); strings.Contains(set, "SET sql_mode") {
		s.verbatim = strings.Contains(set, "NO_BACKSLASH_ESCAPES")
	}
	err := s.h.statement(head, s.groups)
	s.state, s.head = myStart, s.head[:0]
	return err
}

// stepStart looks at the first bytes between two statements.
func (s *myScanner) stepStart(b byte) error {
	if len(s.head) == 0 && (b == '\n' || b == ' ' || b == '\t' || b == '\r') {
		return nil
	}
	s.keep([]byte{b})
	text := string(s.head)
	switch {
	case text == "--" || text == "#":
		s.state = myLine
	case text == myDelimiterWord:
		s.state = myDelimiter
	case text == "-" || strings.HasPrefix(myDelimiterWord, text):
	default:
		s.state, s.head = myPlain, s.head[:0]
		s.depth, s.groups, s.seen = 0, 0, 0
		return s.write([]byte(text))
	}
	return nil
}

func (s *myScanner) endLine() error {
	if len(s.head) >= myHead {
		return errMyLongLine
	}
	line, was := s.head, s.state
	s.state, s.head = myStart, s.head[:0]
	if was == myLine {
		return s.h.comment(line)
	}
	delimiter := strings.TrimSpace(string(line[len(myDelimiterWord):]))
	if delimiter == "" || strings.Trim(delimiter, ";") != "" {
		return errMyDelimiter
	}
	s.ends = len(delimiter)
	return nil
}
