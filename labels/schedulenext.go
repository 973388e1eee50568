package labels

import (
	"time"

	"github.com/robfig/cron/v3"
)

// wall is a reading of a clock on the wall, kept as a time in UTC so that every day has 24 hours.
type wall = time.Time

func wallOf(t time.Time, zone *time.Location) wall {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// nextTick finds the first tick after a moment by searching the wall clock's readings, which know no summer time,
// and asking for each when the clock shows it. The cron library itself skips a local time that does not exist until
// the next day, and fires twice at one that comes twice.
func nextTick(c *cron.SpecSchedule, zone *time.Location, after time.Time) time.Time {
	hourly := c.Hour&(1<<24-1) == 1<<24-1
	from := wallOf(after, zone)
	if changesNear(after.In(zone)) {
		from = from.Add(-25 * time.Hour) // a reading before "after" may still be shown again or be caught up
	}
	var best time.Time
	for {
		from = nextReading(c, from)
		if from.IsZero() {
			return best
		}
		shown := moments(from, zone)
		if !best.IsZero() && !shown.first.Before(best) {
			return best
		}
		for _, t := range shown.ticks(hourly) {
			if t.After(after) && (best.IsZero() || t.Before(best)) {
				best = t
			}
		}
	}
}

// changesNear reports whether the zone's clock was put forward or back within a day of t.
func changesNear(t time.Time) bool {
	start, end := t.ZoneBounds()
	return (!start.IsZero() && t.Sub(start) < 26*time.Hour) || (!end.IsZero() && end.Sub(t) < 26*time.Hour)
}

// nextReading looks further than the library's five years: 29 February is eight years away around 2100.
func nextReading(c *cron.SpecSchedule, from wall) wall {
	for range 3 {
		if next := c.Next(from); !next.IsZero() {
			return next
		}
		from = time.Date(from.Year()+5, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
	}
	return wall{}
}

// showing is when a clock shows one reading: once, twice, or never, and then first is the end of the gap.
type showing struct {
	first, second time.Time
	skipped       bool
}

// ticks are the moments that count: the first of two; the end of the gap for a reading that was skipped. A schedule
// that runs every hour needs neither rule: it runs in each hour that passes.
func (s showing) ticks(hourly bool) []time.Time {
	switch {
	case hourly && s.skipped:
		return nil
	case hourly && !s.second.IsZero():
		return []time.Time{s.first, s.second}
	}
	return []time.Time{s.first}
}

// moments finds when the zone's clock shows the reading. Go's own time.Date does not say which of two it returns.
func moments(w wall, zone *time.Location) showing {
	near := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, zone)
	start, end := near.ZoneBounds()
	var found []time.Time
	for _, probe := range []time.Time{start.Add(-time.Second), near, end} { // earlier offsets come first in time
		if probe.IsZero() || (probe.Before(near) && start.IsZero()) {
			continue
		}
		_, offset := probe.In(zone).Zone()
		t := w.Add(-time.Duration(offset) * time.Second).In(zone)
		if wallOf(t, zone).Equal(w) && (len(found) == 0 || !found[len(found)-1].Equal(t)) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return showing{first: gapEnd(w, zone, start, end), skipped: true}
	case 1:
		return showing{first: found[0]}
	}
	if found[1].Before(found[0]) {
		found[0], found[1] = found[1], found[0]
	}
	return showing{first: found[0], second: found[1]}
}

// gapEnd is the moment at which the clock jumped over the reading.
func gapEnd(w wall, zone *time.Location, start, end time.Time) time.Time {
	for _, jump := range []time.Time{start, end} {
		if !jump.IsZero() && wallOf(jump, zone).After(w) && !wallOf(jump.Add(-time.Nanosecond), zone).After(w) {
			return jump.In(zone)
		}
	}
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, zone)
}
