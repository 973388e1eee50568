package labels

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const maxKept = 100_000

// ParseRetention reads "7" (the last 7), "14d" (everything of the last 14 days), "all", or a mix such as
// "last=3 within=48h hourly=24 daily=7 weekly=4 monthly=12 yearly=3". A value that would keep nothing is refused.
func ParseRetention(s string) (Retention, error) {
	var r Retention
	fields := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool {
		return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
	})
	switch {
	case len(fields) == 0:
		return r, hint("the retention is empty", `write how many to keep: 7, 14d, or "daily=7 weekly=4"; "all" keeps every backup`)
	case len(fields) == 1 && fields[0] == "all":
		return r, nil
	case len(fields) == 1 && !strings.Contains(fields[0], "="):
		return parseShortRetention(fields[0])
	}
	seen := map[string]bool{}
	for _, field := range fields {
		rule, value, ok := strings.Cut(field, "=")
		if !ok {
			return Retention{}, hint(fmt.Sprintf("%q stands alone among rules", field), "write rule=number, such as last="+field)
		}
		if seen[rule] {
			return Retention{}, fmt.Errorf("%s is given twice", rule)
		}
		seen[rule] = true
		if err := r.set(rule, value); err != nil {
			return Retention{}, err
		}
	}
	return r, nil
}

// parseShortRetention reads a bare count or a bare age.
func parseShortRetention(s string) (Retention, error) {
	if n, err := strconv.Atoi(s); err == nil {
		n, err := keptCount(n)
		return Retention{Last: n}, err
	}
	if _, err := ParseDuration(s); err != nil {
		why, _ := split(err)
		return Retention{}, hint(why, `write 7 or last=7 for the last 7, 14d for two weeks, or rules such as "last=3 daily=7 weekly=4"`)
	}
	within, err := keptAge(s)
	return Retention{Within: within}, err
}

func (r *Retention) set(rule, value string) error {
	if rule == "within" {
		within, err := keptAge(value)
		if err != nil {
			return fmt.Errorf("within: %w", err)
		}
		r.Within = within
		return nil
	}
	for _, c := range r.counts() {
		if c.rule != rule {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return hint(fmt.Sprintf("%s: %q is not a whole number", rule, value), "write a number such as "+rule+"=7")
		}
		if n, err = keptCount(n); err != nil {
			return fmt.Errorf("%s: %w", rule, err)
		}
		*c.n = n
		return nil
	}
	rules := []string{"last", "within", "hourly", "daily", "weekly", "monthly", "yearly"}
	suggestion := didYouMean(rule, rules)
	if suggestion == "" {
		suggestion = "the rules are " + strings.Join(rules, ", ")
	}
	return hint(fmt.Sprintf("unknown rule %q", rule), suggestion)
}

type retentionCount struct {
	rule string
	n    *int
}

func (r *Retention) counts() []retentionCount {
	return []retentionCount{
		{"last", &r.Last}, {"hourly", &r.Hourly}, {"daily", &r.Daily},
		{"weekly", &r.Weekly}, {"monthly", &r.Monthly}, {"yearly", &r.Yearly},
	}
}

func keptCount(n int) (int, error) {
	switch {
	case n < 1:
		return 0, hint(fmt.Sprintf("%d would keep nothing", n), `keep at least 1; "all" keeps every backup`)
	case n > maxKept:
		return 0, hint(fmt.Sprintf("%d is more than the most that can be counted, %d", n, maxKept), `"all" keeps every backup`)
	}
	return n, nil
}

func keptAge(s string) (time.Duration, error) {
	d, err := ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if d <= 0 {
		return 0, hint("an age of 0 would keep nothing", `write an age such as 14d; "all" keeps every backup`)
	}
	return d, nil
}

// String is the retention in its own grammar.
func (r Retention) String() string {
	var parts []string
	for _, c := range r.counts() {
		if *c.n > 0 {
			parts = append(parts, c.rule+"="+strconv.Itoa(*c.n))
		}
		if c.rule == "last" && r.Within > 0 {
			parts = append(parts, "within="+formatDuration(r.Within))
		}
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}
