package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// moment is a time for people: how far from now, with the exact time behind it.
type moment struct {
	Words string // "3 h ago", "in 20 min"
	Exact string // RFC 3339, UTC
}

// at makes a moment; none stands for a time that is not known.
func at(t, now time.Time, none string) moment {
	if t.IsZero() {
		return moment{Words: none}
	}
	words := "just now"
	switch d := now.Sub(t); {
	case d >= time.Minute:
		words = distance(d) + " ago"
	case d <= -time.Minute:
		words = "in " + distance(-d)
	case d < 0:
		words = "now"
	}
	return moment{Words: words, Exact: t.UTC().Format(time.RFC3339)}
}

// distance is a length of time in its one fitting unit.
func distance(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// took is the length of a run.
func took(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case ms <= 0:
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// size is a number of bytes; none is "–".
func size(n int64) string {
	if n <= 0 {
		return "–"
	}
	return humanize.IBytes(uint64(n))
}

// many is a count with its noun: "1 job", "2 jobs".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(int64(n)) + " " + noun + "s"
}

// place is "project/service", or the bare container's name outside Compose.
func place(project, service string) string {
	if project == "_" {
		return service
	}
	return project + "/" + service
}

// jobName is a job's name below its project: "db", or "db/hourly" when it is a named one.
func jobName(service, job string) string { return strings.TrimSuffix(service+"/"+job, "/default") }
