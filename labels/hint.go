package labels

import "errors"

// hintError is what is wrong together with what to write instead, so that a Problem can show the two apart.
type hintError struct{ why, suggestion string }

func (e *hintError) Error() string { return e.why + " (" + e.suggestion + ")" }

func hint(why, suggestion string) error {
	if suggestion == "" {
		return errors.New(why)
	}
	return &hintError{why, suggestion}
}

// split takes an error apart into the reason and the suggestion that it carries.
func split(err error) (why, suggestion string) {
	var h *hintError
	if !errors.As(err, &h) {
		return err.Error(), ""
	}
	full, tail := err.Error(), " ("+h.suggestion+")"
	if len(full) >= len(tail) && full[len(full)-len(tail):] == tail {
		return full[:len(full)-len(tail)], h.suggestion
	}
	return full, h.suggestion
}

// didYouMean is "did you mean X?" when one of the words is a likely slip away, else empty.
func didYouMean(word string, words []string) string {
	if best := closest(word, words); best != "" {
		return "did you mean " + best + "?"
	}
	return ""
}

// closest finds the candidate that a slip of the fingers may have turned into word: at most a third of it wrong.
func closest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", max(len(word)/3, 1)+1
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the single-letter changes, swaps of neighbours included, that turn a into b.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
