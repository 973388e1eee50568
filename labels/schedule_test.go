package labels

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func schedule(t *testing.T, spec, zone string) Schedule {
	t.Helper()
	s, err := ParseSchedule(spec, zone, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestParseSchedule_RefusesWhatCronWouldMisread(t *testing.T) {
	for _, c := range []struct{ name, spec, zone, want string }{
		{"empty", " ", "", "empty"},
		{"zone alone, on which the library panics", "CRON_TZ=UTC", "", "use the timezone key"},
		{"zone alone, short form", "TZ=UTC", "", "use the timezone key"},
		{"zone in front", "CRON_TZ=Europe/Berlin 0 2 * * *", "", "use the timezone key"},
		{"every 0s, which the library runs every second", "@every 0s", "", "at least a second"},
		{"every -1h, likewise", "@every -1h", "", "negative"},
		{"every without a duration", "@every", "", "empty"},
		{"every fraction of a second", "@every 1500ms", "", "whole seconds"},
		{"every with a misspelt unit", "@every 6H0x", "", "unknown unit"},
		{"a day that no month has", "0 0 31 2 *", "", "never fires"},
		{"a day that April lacks", "0 0 31 4,6,9,11 *", "", "never fires"},
		{"weekday 7", "0 2 * * 7", "", "Sunday is 0"},
		{"weekday 7 in a range", "0 2 * * 5-7", "", "Sunday is 0"},
		{"seconds", "0 0 2 * * *", "", `did you mean "0 2 * * *"?`},
		{"four fields", "0 2 * *", "", "five fields"},
		{"a star with a range, read as a star", "*-5 2 * * *", "", "minute"},
		{"a list with a hole", "1,,2 2 * * *", "", "minute"},
		{"a lone comma, which fits nothing", ", 2 * * *", "", "minute"},
		{"a signed number", "+5 2 * * *", "", "minute"},
		{"a step beyond the field, read as once an hour", "*/90 * * * *", "", "@every"},
		{"a step of nothing", "*/0 * * * *", "", "step"},
		{"out of range", "0 24 * * *", "", "hour: 24 is not within 0 to 23 (minute 0-59, hour 0-23"},
		{"range out of range", "0-60 * * * *", "", `write "0 2 * * *"`},
		{"range upside down", "0 5-2 * * *", "", "beyond end"},
		{"unknown word", "@dayly", "", "did you mean @daily?"},
		{"reboot", "@reboot", "", "unknown word"},
		{"prose", "every day", "", "five fields"},
		{"number too large", "99999999999999999999 2 * * *", "", "parse"},
		{"unknown zone", "0 2 * * *", "Europe/Berln", "IANA"},
		{"the machine's own zone", "0 2 * * *", "Local", "IANA"},
		{"a zone out of the folder", "0 2 * * *", "../../etc/passwd", "IANA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSchedule(c.spec, c.zone, time.Minute)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSchedule(%q, %q) = %v, want an error with %q", c.spec, c.zone, err, c.want)
			}
		})
	}
}

func TestParseSchedule_MinInterval(t *testing.T) {
	for _, c := range []struct {
		spec string
		min  time.Duration
		ok   bool
	}{
		{"@every 59s", time.Minute, false},
		{"@every 60s", time.Minute, true},
		{"* * * * *", time.Minute, true},
		{"* * * * *", 2 * time.Minute, false},
		{"*/15 * * * *", time.Hour, false},
		{"0 * * * *", time.Hour, true},
		{"0,59 * * * *", 2 * time.Minute, false}, // over the full hour
		{"59 23 * * *", 24 * time.Hour, true},
		{"0 0,23 * * *", 2 * time.Hour, false}, // over midnight
		{"0 0,23 * * 1", 2 * time.Hour, true},  // no Monday follows a Monday
		{"0 2 * * *", 48 * time.Hour, false},
		{"@weekly", 48 * time.Hour, true},
		{"0 0 28,29 2 *", 48 * time.Hour, false}, // in leap years
		{"manual", 1000 * time.Hour, true},
	} {
		if _, err := ParseSchedule(c.spec, "", c.min); (err == nil) != c.ok {
			t.Errorf("ParseSchedule(%q, min %s) = %v, want ok %t", c.spec, c.min, err, c.ok)
		}
	}
}

func TestSchedule_Next(t *testing.T) {
	for _, c := range []struct{ name, spec, zone, after, want string }{
		{"daily", "0 2 * * *", "UTC", "2026-11-21T02:00:00Z", "2026-11-22T02:00:00Z"},
		{"within the second", "0 2 * * *", "UTC", "2026-11-21T01:59:59.5Z", "2026-11-21T02:00:00Z"},
		{"in its own zone", "0 2 * * *", "Europe/Berlin", "2026-11-21T00:59:00Z", "2026-11-21T01:00:00Z"},
		{"capital letters", "0 2 * * MON", "UTC", "2026-11-21T00:00:00Z", "2026-11-23T02:00:00Z"},
		{"every six hours", "@every 6h", "UTC", "2026-11-21T01:00:00Z", "2026-11-21T06:00:00Z"},
		{"every day and a half", "@every 1d12h", "UTC", "1970-01-01T00:00:00Z", "1970-01-02T12:00:00Z"},
		{"before 1970", "@every 6h", "UTC", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"},
		{"29 February over a century without one", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},

		{"skipped: fires at once after the gap", "30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"},
		{"skipped: and on the next day as ever", "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"skipped: two of them fire once", "10,40 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"},
		{"skipped midnight", "0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"},
		{"skipped half hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"},
		{"skipped whole day", "0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", "2011-12-30T10:00:00Z"},
		{"doubled: the first of the two", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"doubled: not the second", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"doubled: asked between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-26T01:30:00Z"},
		{"hourly: through the doubled hour", "0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
		{"hourly: nothing to catch up after a gap", "30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := schedule(t, c.spec, c.zone).Next(moment(t, c.after))
			if want := moment(t, c.want); !got.Equal(want) {
				t.Errorf("next after %s is %s, want %s", c.after, got.UTC().Format(time.RFC3339), c.want)
			}
		})
	}
}

// Walking minute by minute over the days around each change of the clock finds the same ticks: a reading fires when
// the clock first shows it, or the moment after the clock jumped over it.
func TestSchedule_NextAgreesWithTheClock(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"} {
		for _, spec := range []string{"30 2 * * *", "0 0 * * *", "15,45 0-3 * * 0", "*/20 2 * * *", "45 1 25 10 *"} {
			t.Run(zone+" "+spec, func(t *testing.T) {
				s := schedule(t, spec, zone)
				start := time.Date(2026, 1, 1, 12, 0, 0, 0, s.zone)
				for range 3 {
					_, change := start.ZoneBounds()
					if change.IsZero() || change.Year() > 2030 {
						change = start.AddDate(0, 3, 0)
					}
					from, to := change.Add(-36*time.Hour), change.Add(36*time.Hour)
					var got []string
					for at := s.Next(from); at.Before(to); at = s.Next(at) {
						got = append(got, at.UTC().Format(time.RFC3339))
					}
					if diff := cmp.Diff(walk(s, from, to), got); diff != "" {
						t.Error(diff)
					}
					start = to
				}
			})
		}
	}
}

func walk(s Schedule, from, to time.Time) (ticks []string) {
	shown := wallOf(from, s.zone)
	for at := from.Add(time.Minute); at.Before(to); at = at.Add(time.Minute) {
		fires := false
		for now := wallOf(at, s.zone); shown.Before(now); { // readings up to now that were not shown before
			shown = shown.Add(time.Minute)
			fires = fires || (dayFits(s.cron, shown) && s.cron.Hour&(1<<uint(shown.Hour())) != 0 && s.cron.Minute&(1<<uint(shown.Minute())) != 0)
		}
		if fires {
			ticks = append(ticks, at.UTC().Format(time.RFC3339))
		}
	}
	return ticks
}

func TestSchedule_Last(t *testing.T) {
	for _, c := range []struct{ name, spec, after, now, want string }{
		{"the newest only", "0 2 * * *", "2026-11-10T02:00:00Z", "2026-11-21T14:00:00Z", "2026-11-21T02:00:00Z"},
		{"none in between", "0 2 * * *", "2026-11-21T02:00:00Z", "2026-11-21T14:00:00Z", ""},
		{"now itself", "0 2 * * *", "2026-11-20T03:00:00Z", "2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z"},
		{"yearly, long ago", "@yearly", "2024-06-01T00:00:00Z", "2026-11-21T14:00:00Z", "2026-01-01T00:00:00Z"},
		{"every", "@every 6h", "2026-11-20T00:00:00Z", "2026-11-21T14:00:00Z", "2026-11-21T12:00:00Z"},
		{"every, none", "@every 30d", "2026-11-20T00:00:00Z", "2026-11-21T14:00:00Z", ""},
		{"the clock was put back", "0 2 * * *", "2026-11-21T02:00:00Z", "2026-11-01T00:00:00Z", ""},
		{"manual", "manual", "2026-11-20T00:00:00Z", "2026-11-21T14:00:00Z", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schedule(t, c.spec, "UTC")
			got := s.Last(moment(t, c.after), moment(t, c.now))
			if c.want == "" {
				if !got.IsZero() {
					t.Errorf("last is %s, want none", got)
				}
				return
			}
			if !got.Equal(moment(t, c.want)) {
				t.Errorf("last is %s, want %s", got, c.want)
			}
		})
	}
}

func TestSchedule_ManualNeverFires(t *testing.T) {
	s := schedule(t, "Manual", "UTC")
	if !s.Manual() || !s.Next(time.Unix(0, 0)).IsZero() || s.Interval() != 0 {
		t.Errorf("manual fires: %+v", s)
	}
}

func TestSchedule_Words(t *testing.T) {
	for spec, want := range map[string]string{
		"0 2 * * *":             "daily at 02:00 (Europe/Berlin)",
		"@daily":                "daily at 00:00 (Europe/Berlin)",
		"0 2,14 * * *":          "daily at 02:00 and 14:00 (Europe/Berlin)",
		"0 */6 * * *":           "daily at 00:00, 06:00, 12:00 and 18:00 (Europe/Berlin)",
		"*/15 * * * *":          "every 15 minutes (Europe/Berlin)",
		"* * * * *":             "every minute (Europe/Berlin)",
		"@hourly":               "every hour (Europe/Berlin)",
		"5 * * * *":             "at minute 5 of every hour (Europe/Berlin)",
		"*/10 8-17 * * 1-5":     "every 10 minutes of the hours 8 to 17, on Monday to Friday (Europe/Berlin)",
		"0 8-17 * * *":          "on the hour of the hours 8 to 17 (Europe/Berlin)",
		"@weekly":               "on Sunday at 00:00 (Europe/Berlin)",
		"30 4 * * 6,0":          "on Saturday and Sunday at 04:30 (Europe/Berlin)",
		"@monthly":              "on day 1 of each month at 00:00 (Europe/Berlin)",
		"@yearly":               "on day 1 of January at 00:00 (Europe/Berlin)",
		"0 3 * 6-8 *":           "daily in June to August at 03:00 (Europe/Berlin)",
		"0 3 13 * 5":            "on day 13 of each month and on Friday at 03:00 (Europe/Berlin)",
		"0 3 1,15 * *":          "on day 1 and 15 of each month at 03:00 (Europe/Berlin)",
		"@every 6h":             "every 6 hours",
		"@every 1d":             "every day",
		"@every 90m":            "every 90 minutes",
		"manual":                "only when asked for",
		"  0   2  *  * MON-FRI": "on Monday to Friday at 02:00 (Europe/Berlin)",
	} {
		if got := schedule(t, spec, "Europe/Berlin").Words(); got != want {
			t.Errorf("%q in words is %q, want %q", spec, got, want)
		}
	}
}

func TestSchedule_SurvivesJSON(t *testing.T) {
	want := schedule(t, "0 2 * * *", "Europe/Berlin")
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Schedule
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"spec":"CRON_TZ=UTC"}`), &got); err == nil {
		t.Error("a bad schedule was read")
	}
}
