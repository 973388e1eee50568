package strategy

import "strings"

// quoteIdent writes a name so that SQL reads it as it is.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText writes a value for a server with standard_conforming_strings, which every dump switches on.
func quoteText(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

// quoteConn writes a value for a connection string: a bare name with "=" in it would be taken for one.
func quoteConn(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// cutIdent takes a name, quoted or bare, off the begin of text.
func cutIdent(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		n := 0
		for n < len(text) && (identByte(text[n]) || text[n] == '$') {
			n++
		}
		return text[:n], text[n:], n > 0
	}
	return cutQuoted(text, '"')
}

// cutText takes a string literal off the begin of text.
func cutText(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, "'") {
		return "", text, false
	}
	return cutQuoted(text, '\'')
}

func cutQuoted(text string, quote byte) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != quote {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		return b.String(), text[i+1:], true
	}
	return "", text, false
}
