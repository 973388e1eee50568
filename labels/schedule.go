package labels

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a job runs. Its ticks are moments of its own time zone's clock, so that nothing depends on when
// the program was started: a local time that the clock skips fires at once after the gap, one that comes twice fires
// once. A schedule of every hour follows the hours that pass instead, and "@every" counts from midnight UTC of
// 1 January 1970.
type Schedule struct {
	Spec string // as written, but in lower case and with single spaces

	zone  *time.Location
	every time.Duration      // of "@every"
	cron  *cron.SpecSchedule // of everything else but "manual"; always in UTC, fed with local clock readings
}

const manual = "manual"

// ParseSchedule reads a five-field cron line, a word such as "@daily", "@every 6h" or "manual". It refuses what would
// never fire and what would fire more often than least allows.
func ParseSchedule(spec, timezone string, least time.Duration) (Schedule, error) {
	zone, err := parseZone(timezone)
	if err != nil {
		return Schedule{}, err
	}
	return parseScheduleIn(spec, zone, least)
}

func parseScheduleIn(spec string, zone *time.Location, least time.Duration) (s Schedule, err error) {
	s = Schedule{Spec: strings.Join(strings.Fields(strings.ToLower(spec)), " "), zone: zone}
	switch {
	case s.Spec == "":
		return Schedule{}, hint("the schedule is empty", `write "0 2 * * *" for daily at 02:00, or "manual"`)
	case s.Spec == manual:
		return s, nil
	case strings.HasPrefix(s.Spec, "@every"):
		s.every, err = parseEvery(strings.TrimPrefix(s.Spec, "@every"))
	default:
		s.cron, err = parseCron(s.Spec)
	}
	if err != nil {
		return Schedule{}, err
	}
	interval := s.Interval()
	if interval == 0 {
		return Schedule{}, fmt.Errorf("%q never fires: no day of the calendar fits it", s.Spec)
	}
	if interval < least {
		return Schedule{}, hint(
			fmt.Sprintf("%q would fire every %s, more often than the %s that this appliance allows", s.Spec, formatDuration(interval), formatDuration(least)),
			"run it less often, or lower SIMPLEDEPLOY_MIN_INTERVAL")
	}
	return s, nil
}

func parseZone(name string) (*time.Location, error) {
	const suggestion = "write an IANA name such as Europe/Berlin, or UTC"
	if name = strings.TrimSpace(name); name == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") { // would mean whatever the appliance's machine is set to
		return nil, hint(fmt.Sprintf("%q is not a time zone", name), suggestion)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, hint(fmt.Sprintf("%q is not a time zone", name), suggestion)
	}
	return zone, nil
}

// parseEvery guards against the zero and negative intervals that cron turns into a run every second.
func parseEvery(s string) (time.Duration, error) {
	every, err := ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("@every: %w", err)
	case every < time.Second:
		return 0, hint("@every needs at least a second between two runs", "write an interval such as @every 6h")
	case every%time.Second != 0:
		return 0, hint("@every counts whole seconds", "write @every "+formatDuration(every.Truncate(time.Second)))
	}
	return every, nil
}

// Manual reports whether the job runs only when somebody asks for it.
func (s Schedule) Manual() bool { return s.cron == nil && s.every == 0 }

// Timezone is the name of the zone whose clock the schedule follows.
func (s Schedule) Timezone() string { return s.location().String() }

func (s Schedule) location() *time.Location {
	if s.zone == nil {
		return time.UTC
	}
	return s.zone
}

// Next is the first tick after a moment; zero: there is none.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		step := int64(s.every / time.Second)
		return time.Unix((floorDiv(after.Unix(), step)+1)*step, 0).In(s.location())
	case s.cron != nil:
		return nextTick(s.cron, s.location(), after)
	}
	return time.Time{}
}

// Last is the newest tick later than after and not later than now; zero: there was none.
func (s Schedule) Last(after, now time.Time) time.Time {
	if s.every > 0 {
		step := int64(s.every / time.Second)
		tick := time.Unix(floorDiv(now.Unix(), step)*step, 0).In(s.location())
		if tick.After(after) {
			return tick
		}
		return time.Time{}
	}
	// Looking back in growing windows finds the newest tick without walking through years of them.
	for window := time.Hour; ; window *= 4 {
		from := now.Add(-window)
		if !from.After(after) {
			from = after
		}
		var last time.Time
		for tick := s.Next(from); !tick.IsZero() && !tick.After(now); tick = s.Next(tick) {
			last = tick
		}
		if !last.IsZero() || from.Equal(after) || window > 20*365*day {
			return last
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Equal reports whether both fire at the same moments for the same reason.
func (s Schedule) Equal(o Schedule) bool { return s.Spec == o.Spec && s.Timezone() == o.Timezone() }

type scheduleJSON struct {
	Spec     string `json:"spec"`
	Timezone string `json:"timezone"`
}

// MarshalJSON keeps the spec and the zone, which is all there is to know.
func (s Schedule) MarshalJSON() ([]byte, error) {
	return json.Marshal(scheduleJSON{s.Spec, s.Timezone()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Schedule) UnmarshalJSON(b []byte) error {
	var raw scheduleJSON
	if err := json.Unmarshal(b, &raw); err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	if raw.Spec == "" {
		*s = Schedule{}
		return nil
	}
	parsed, err := ParseSchedule(raw.Spec, raw.Timezone, 0)
	if err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	*s = parsed
	return nil
}
