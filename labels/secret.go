package labels

import (
	"regexp"
	"slices"
	"strings"
)

const secretRemedy = "take it out of the label, and change it if it was real: password-env and password-file name a place inside the container"

var (
	secretKey  = regexp.MustCompile(`(?i)pass(wd|word|phrase)|(^|[-_.])pass($|[-_.])|secret|token|credential|(api|private|access)[-_]?key`)
	secretURL  = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@`)
	assignment = regexp.MustCompile(`(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access)[-_]?key)["']?\s*[=:]\s*["']?(\S+)`)
)

// namesSecret reports a key that asks for a secret itself, slips of the fingers included.
func namesSecret(key string) bool {
	if secretKey.MatchString(key) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '-' || r == '_' })
	return slices.ContainsFunc(words, func(word string) bool {
		return len(word) > 4 && closest(word, []string{"password", "passwd", "passphrase", "secret", "token", "credential"}) != ""
	})
}

// holdsSecret reports a value that carries a secret: a URL with a password, an assignment, a well-known form of key.
func holdsSecret(value string) bool {
	for _, known := range []string{"AGE-SECRET-KEY-", "-----BEGIN ", "ghp_", "github_pat_", "glpat-", "xoxb-"} {
		if strings.Contains(value, known) {
			return true
		}
	}
	carries := func(m []string) bool { return !reference(m[1]) }
	return slices.ContainsFunc(secretURL.FindAllStringSubmatch(value, -1), carries) ||
		slices.ContainsFunc(assignment.FindAllStringSubmatch(value, -1), carries)
}

// reference reports a variable that is filled in inside the container, or the name of a file there: no secret. A
// variable may come with what stands for it when it is missing, as in ${NAME:-} and ${NAME:?message}.
func reference(s string) bool {
	if strings.HasPrefix(s, "?") {
		return true
	}
	if variable, other, ok := strings.Cut(s, ":-"); ok && strings.HasPrefix(variable, "${") {
		return reference("-" + other)
	}
	if s = strings.TrimLeft(s, "-=+"); strings.HasPrefix(s, "}") {
		return true
	}
	return strings.HasPrefix(s, "$") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "`")
}

// shown is a value as a Problem may show it: bounded, on one line.
func shown(value string) string {
	const most = 200
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, value)
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}
