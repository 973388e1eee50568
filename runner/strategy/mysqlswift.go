package strategy

import "bytes"

// What a byte means outside quotes, to those who only pass over rows.
const (
	myNothing byte = iota
	myOpening
	myClosing
	myQuoting
	myMinus
	myOther // left to the steps
)

var myMeanings = [256]byte{
	'(': myOpening, ')': myClosing, '\'': myQuoting, '"': myQuoting, '-': myMinus,
	';': myOther, '#': myOther, '/': myOther, '`': myOther,
}

// swift passes over what rows are made of, which is nearly all of a dump: strings, brackets, and bytes that mean
// nothing. It says how many bytes it took; what it stops at is left to the steps.
func (s *myScanner) swift(p []byte) int {
	at := 0
	if s.state == myString {
		at = s.through(p)
	}
	if s.state != myPlain || s.seen > 0 {
		return at
	}
	for at < len(p) {
		switch myMeanings[p[at]] {
		case myNothing:
		case myOpening:
			s.depth++
		case myClosing:
			if s.depth--; s.depth == 0 {
				s.groups++
			}
		case myQuoting:
			s.quote = p[at]
			at++
			if at += s.through(p[at:]); s.state != myPlain {
				return at
			}
			continue
		case myMinus:
			if at+1 == len(p) || p[at+1] == '-' { // the begin of a comment
				return at
			}
		default:
			return at
		}
		at++
	}
	return at
}

// through goes on within a string, to behind its end or that of p, and says how many bytes it took. A quote that is
// written twice ends the string, and opens it again at once.
func (s *myScanner) through(p []byte) int {
	at, end := 0, quoteAt(p, 0, s.quote)
	for !s.verbatim {
		n := bytes.IndexByte(p[at:end], '\\')
		if n < 0 {
			break
		}
		if at += n + 2; at > len(p) {
			s.state = myEscape
			return len(p)
		}
		if at > end { // it was the quote that was escaped
			end = quoteAt(p, at, s.quote)
		}
	}
	if end == len(p) {
		s.state = myString
		return end
	}
	s.state = myPlain
	return end + 1
}

// quoteAt is where the next quote stands, from at on; len(p) when none does.
func quoteAt(p []byte, at int, quote byte) int {
	if n := bytes.IndexByte(p[at:], quote); n >= 0 {
		return at + n
	}
	return len(p)
}
