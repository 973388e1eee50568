package labels

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var cronElement = regexp.MustCompile(`^(\*|\?|[a-z0-9]+(-[a-z0-9]+)?)(/([0-9]+))?$`)

// scheduleRemedy is what to write instead of a line that is none.
const scheduleRemedy = `minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6; write "0 2 * * *" for daily at 02:00`

// cronField is one of the five, with what the library lets through though it means something else.
type cronField struct {
	name     string
	min, max int
}

// parseCron parses a line only after it was looked over: the library panics on "CRON_TZ=UTC" alone, takes "*-5" for
// "*", and turns "*/90" into one run an hour.
func parseCron(spec string) (*cron.SpecSchedule, error) {
	if strings.HasPrefix(spec, "tz=") || strings.HasPrefix(spec, "cron_tz=") {
		return nil, hint("a schedule cannot carry a time zone", "use the timezone key")
	}
	if strings.HasPrefix(spec, "@") {
		return parseWord(spec)
	}
	parts := strings.Fields(spec)
	if len(parts) != 5 {
		why := fmt.Sprintf("a schedule has five fields (minute hour day month weekday), %q has %d", spec, len(parts))
		if len(parts) == 6 {
			return nil, hint(why, "there are no seconds; did you mean "+strconv.Quote(strings.Join(parts[1:], " "))+"?")
		}
		return nil, hint(why, `write "0 2 * * *" for daily at 02:00`)
	}
	for i, f := range []cronField{{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 6}} {
		if err := f.check(parts[i]); err != nil {
			return nil, err
		}
	}
	return compile(strings.Join(parts, " "))
}

func parseWord(spec string) (*cron.SpecSchedule, error) {
	words := []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
	if !slices.Contains(words, spec) {
		suggestion := didYouMean(spec, append(words, "@every"))
		if suggestion == "" {
			suggestion = "the words are " + strings.Join(words, ", ") + " and @every 6h"
		}
		return nil, hint(fmt.Sprintf("unknown word %q", spec), suggestion)
	}
	return compile(spec)
}

func compile(spec string) (*cron.SpecSchedule, error) {
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, hint(fmt.Sprintf("%q is not a schedule: %v", spec, err), scheduleRemedy)
	}
	s, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q is not a schedule", spec)
	}
	s.Location = time.UTC
	return s, nil
}

// check refuses what the library would read as something else than was meant.
func (f cronField) check(field string) error {
	for _, e := range strings.Split(field, ",") {
		m := cronElement.FindStringSubmatch(e)
		if m == nil {
			return hint(fmt.Sprintf("%s: %q is not a number, a range or a list of them", f.name, field), "write 5, 1-5, 1,3,5, * or */10")
		}
		if f.name == "weekday" && slices.Contains(strings.FieldsFunc(m[1], func(r rune) bool { return r == '-' }), "7") {
			return hint(`weekday: 7 is not a day`, "Sunday is 0; Monday to Sunday is *")
		}
		for _, word := range strings.Split(m[1], "-") {
			if n, err := strconv.Atoi(word); err == nil && (n < f.min || n > f.max) {
				return hint(fmt.Sprintf("%s: %d is not within %d to %d", f.name, n, f.min, f.max), scheduleRemedy)
			}
		}
		if m[4] == "" {
			continue
		}
		step, err := strconv.Atoi(m[4])
		if err != nil || step < 1 || step > f.max-f.min {
			return hint(fmt.Sprintf("%s: a step of %s does not fit into %d to %d", f.name, m[4], f.min, f.max), "for other intervals write @every, such as @every 90m")
		}
	}
	return nil
}

// Interval is the shortest time between two runs, going by the clock on the wall; 0: it never runs by itself.
func (s Schedule) Interval() time.Duration {
	if s.cron == nil {
		return s.every
	}
	first, last, gap := daySpan(s.cron)
	if first < 0 {
		return 0
	}
	days := dayGap(s.cron)
	if days == 0 {
		return 0
	}
	overnight := time.Duration(days)*day - last + first
	if gap > 0 && gap < overnight {
		return gap
	}
	return overnight
}

// daySpan is the first and the last tick of a day that fits, and the shortest time between two of that day.
func daySpan(c *cron.SpecSchedule) (first, last, gap time.Duration) {
	first, last = -1, -1
	for minute := range 24 * 60 {
		if c.Hour&(1<<uint(minute/60)) == 0 || c.Minute&(1<<uint(minute%60)) == 0 {
			continue
		}
		at := time.Duration(minute) * time.Minute
		if first < 0 {
			first = at
		} else if gap == 0 || at-last < gap {
			gap = at - last
		}
		last = at
	}
	return first, last, gap
}

// dayGap is the shortest distance in days between two days that fit, over a whole cycle of leap years; 0: none fits.
func dayGap(c *cron.SpecSchedule) int {
	const cycle = 28*365 + 7 // after 28 years, dates fall on the same weekdays again
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	least, before := 0, -1
	for n := range cycle + 4*366 {
		if !dayFits(c, start.AddDate(0, 0, n)) {
			continue
		}
		if before >= 0 && (least == 0 || n-before < least) {
			least = n - before
		}
		if least == 1 {
			return 1
		}
		before = n
	}
	return least
}

// starBit marks a field that was written as a star.
const starBit = 1 << 63

// dayFits follows cron: with both a day and a weekday given, either is enough.
func dayFits(c *cron.SpecSchedule, t time.Time) bool {
	if c.Month&(1<<uint(t.Month())) == 0 {
		return false
	}
	dom, dow := c.Dom&(1<<uint(t.Day())) != 0, c.Dow&(1<<uint(t.Weekday())) != 0
	if c.Dom&starBit != 0 || c.Dow&starBit != 0 {
		return dom && dow
	}
	return dom || dow
}
