package strategy

import "strings"

// hasPipe says whether a shell command has a pipe whose exit codes may be lost. It only reads the command; one that
// sees to its pipes by itself counts as having none.
func hasPipe(command string) bool {
	if strings.Contains(command, "pipefail") {
		return false
	}
	s := &pipeScan{text: command}
	s.plain(0)
	return s.found
}

// pipeScan walks over a shell command as far as quoting goes.
type pipeScan struct {
	text  string
	at    int
	found bool
}

// plain reads until the closing character, which belongs to it; 0: until the end.
func (s *pipeScan) plain(closing byte) {
	start := true // of a word: only there a # begins a comment
	for s.at < len(s.text) && !s.found {
		c := s.text[s.at]
		s.at++
		word := false
		switch {
		case closing != 0 && c == closing:
			return
		case c == '\\':
			s.at++
			word = true
		case c == '\'':
			s.skipPast("'")
			word = true
		case c == '"':
			s.quoted()
			word = true
		case c == '`':
			s.plain('`')
			word = true
		case c == '(':
			s.plain(')')
		case c == '#' && start:
			s.skipPast("\n")
		case c == '|':
			s.pipe()
		default:
			word = !strings.ContainsRune(" \t\n;&<>)", rune(c))
		}
		start = !word
	}
}

// pipe tells a pipe from || and from >|.
func (s *pipeScan) pipe() {
	switch {
	case s.at < len(s.text) && s.text[s.at] == '|':
		s.at++
	case s.at >= 2 && s.text[s.at-2] == '>':
	default:
		s.found = true
	}
}

// quoted reads to the end of double quotes, within which only substitutions are commands.
func (s *pipeScan) quoted() {
	for s.at < len(s.text) && !s.found {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return
		case c == '\\':
			s.at++
		case c == '`':
			s.plain('`')
		case c == '$' && s.at < len(s.text) && s.text[s.at] == '(':
			s.at++
			s.plain(')')
		}
	}
}

func (s *pipeScan) skipPast(mark string) {
	_, rest, ok := strings.Cut(s.text[min(s.at, len(s.text)):], mark)
	if !ok {
		s.at = len(s.text)
		return
	}
	s.at = len(s.text) - len(rest)
}
