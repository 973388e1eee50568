package labels

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Words is the schedule in plain English: "daily at 02:00 (Europe/Berlin)".
func (s Schedule) Words() string {
	switch {
	case s.Manual():
		return "only when asked for"
	case s.every > 0:
		return "every " + span(s.every)
	}
	when, often := clockWords(s.cron)
	days := dayWords(s.cron)
	switch {
	case often && days == "daily":
		return fmt.Sprintf("%s (%s)", when, s.Timezone())
	case often:
		return fmt.Sprintf("%s, %s (%s)", when, days, s.Timezone())
	}
	return fmt.Sprintf("%s %s (%s)", days, when, s.Timezone())
}

// span writes "6 hours", "90 minutes", "1 day".
func span(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{week, "week"}, {day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d%u.size == 0 {
			if d == u.size {
				return u.name
			}
			return strconv.FormatInt(int64(d/u.size), 10) + " " + u.name + "s"
		}
	}
	return d.String()
}

// clockWords says the time of day; often: it is about intervals, and the days come after it.
func clockWords(c *cron.SpecSchedule) (words string, often bool) {
	minutes, hours := members(c.Minute, 0, 59), members(c.Hour, 0, 23)
	if len(minutes)*len(hours) <= 6 {
		var times []string
		for _, h := range hours {
			for _, m := range minutes {
				times = append(times, fmt.Sprintf("%02d:%02d", h, m))
			}
		}
		return "at " + list(times), false
	}
	switch step := evenStep(minutes, 60); {
	case len(minutes) == 60:
		words = "every minute"
	case len(minutes) == 1 && minutes[0] == 0:
		words = "every hour"
		if len(hours) < 24 {
			words = "on the hour"
		}
	case step > 0:
		words = fmt.Sprintf("every %d minutes", step)
	default:
		words = "at minute " + runs(minutes, number)
	}
	if len(minutes) == 1 && minutes[0] != 0 {
		words += " of every hour"
		if len(hours) < 24 {
			words = "at minute " + number(minutes[0])
		}
	}
	switch step := evenStep(hours, 24); {
	case len(hours) == 24:
	case step > 0:
		words += fmt.Sprintf(" of every %s hour", ordinal(step))
	default:
		words += " of the hours " + runs(hours, number)
	}
	return words, true
}

// dayWords says on which days: "daily", "on Monday to Friday", "on day 1 of each month".
func dayWords(c *cron.SpecSchedule) string {
	dom, dow, month := members(c.Dom, 1, 31), members(c.Dow, 0, 6), members(c.Month, 1, 12)
	either := c.Dom&starBit == 0 && c.Dow&starBit == 0
	allDays := (len(dom) == 31 && (len(dow) == 7 || either)) || (either && len(dow) == 7)
	weekday := func(n int) string { return time.Weekday(n % 7).String() }
	months := " of each month"
	if len(month) < 12 {
		months = " of " + runs(month, func(n int) string { return time.Month(n).String() })
	}
	onDay, onWeekday := "on day "+runs(dom, number)+months, "on "+runs(mondayFirst(dow), weekday)
	in := ""
	if len(month) < 12 {
		in = " in " + strings.TrimPrefix(months, " of ")
	}
	switch {
	case allDays:
		return "daily" + in
	case either:
		return onDay + " and " + onWeekday + in
	case len(dow) < 7:
		return onWeekday + in
	}
	return onDay
}

func members(set uint64, low, high int) []int {
	var out []int
	for n := low; n <= high; n++ {
		if set&(1<<uint(n)) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// mondayFirst moves Sunday to the end, where its number would be 7.
func mondayFirst(days []int) []int {
	if len(days) > 1 && days[0] == 0 {
		return append(append([]int{}, days[1:]...), 7)
	}
	return days
}

// evenStep is the step of values that begin at 0 and go round without a remainder; 0: they do not.
func evenStep(values []int, size int) int {
	if len(values) < 2 || size%len(values) != 0 {
		return 0
	}
	step := size / len(values)
	for i, v := range values {
		if v != i*step {
			return 0
		}
	}
	return step
}

// runs writes 1,2,3,5 as "1 to 3 and 5".
func runs(values []int, name func(int) string) string {
	var parts []string
	for i := 0; i < len(values); {
		j := i
		for j+1 < len(values) && values[j+1] == values[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, name(values[i])+" to "+name(values[j]))
			i = j + 1
			continue
		}
		parts = append(parts, name(values[i]))
		i++
	}
	return list(parts)
}

func number(n int) string { return strconv.Itoa(n) }

func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func ordinal(n int) string {
	switch n {
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return strconv.Itoa(n) + "th"
}
