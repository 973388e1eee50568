package labels

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ParseDuration reads Go's durations plus d (24 hours) and w (7 days), in any mix: "90s", "1d12h", "2w". It never
// returns a negative one.
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, hint("the duration is empty", "write a number and a unit: 30s, 15m, 6h, 7d, 2w")
	}
	if s == "0" {
		return 0, nil
	}
	var total time.Duration
	for rest := s; rest != ""; {
		part, left, err := nextDuration(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration: %w", s, err)
		}
		if part > math.MaxInt64-total {
			return 0, fmt.Errorf("%q is not a duration: it is longer than 292 years", s)
		}
		total, rest = total+part, left
	}
	return total, nil
}

// nextDuration reads one number with its unit off the front.
func nextDuration(s string) (d time.Duration, rest string, err error) {
	digits := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	switch {
	case strings.HasPrefix(s, "-"):
		return 0, "", errors.New("it must not be negative")
	case digits < 0:
		return 0, "", hint("a number without a unit", "add one: "+s+"s, "+s+"m, "+s+"h or "+s+"d")
	case digits == 0:
		return 0, "", hint("it must begin with a number", "write a number and a unit: 30s, 15m, 6h, 7d, 2w")
	}
	number, rest := s[:digits], s[digits:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r == '.' || (r >= '0' && r <= '9') })
	if end < 0 {
		end = len(rest)
	}
	unit, rest := rest[:end], rest[end:]
	d, err = durationOf(number, unit)
	return d, rest, err
}

func durationOf(number, unit string) (time.Duration, error) {
	scale := int64(1)
	goUnit := unit
	switch unit {
	case "d":
		scale, goUnit = 24, "h"
	case "w":
		scale, goUnit = 7*24, "h"
	}
	d, err := time.ParseDuration(number + goUnit)
	if err != nil {
		switch lower := strings.ToLower(unit); lower {
		case "ns", "us", "ms", "s", "m", "h", "d", "w":
			if lower != unit {
				return 0, hint(fmt.Sprintf("unknown unit %q", unit), "did you mean "+number+lower+"?")
			}
			return 0, errors.New("the number is too large or malformed")
		default:
			return 0, hint(fmt.Sprintf("unknown unit %q", unit), "the units are s, m, h, d and w; a month is 30d")
		}
	}
	if int64(d) > math.MaxInt64/scale {
		return 0, errors.New("it is longer than 292 years")
	}
	return time.Duration(int64(d) * scale), nil
}

// formatDuration writes whole weeks, days, hours, minutes as people do: "14d", "36h", "90s".
func formatDuration(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d != 0 && d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	return d.String()
}
