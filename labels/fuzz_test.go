package labels

import (
	"strings"
	"testing"
	"time"
)

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"0", "90s", "1d12h", "1.5w", "-1h", "99999999w", "1e9h", ".h", "5µs", "٣h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err == nil && d < 0 {
			t.Errorf("%q is %s", s, d)
		}
	})
}

func FuzzParseRetention(f *testing.F) {
	for _, s := range []string{"7", "14d", "all", "daily=7 weekly=4", "last=3,within=48h", "daily==7", "=", "last=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRetention(s)
		if err != nil {
			return
		}
		if r == (Retention{}) && !strings.EqualFold(strings.Trim(s, ", \t\r\n"), "all") {
			t.Errorf("%q keeps everything without saying so", s)
		}
		if again, err := ParseRetention(r.String()); err != nil || again != r {
			t.Errorf("%q is written as %q and read as %+v, %v", s, r, again, err)
		}
	})
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"0 2 * * *", "@daily", "@every 6h", "manual", "CRON_TZ=UTC", "TZ=", "0 0 31 2 *", "*-5 * * * *", "*/90 * * * *", "@every 0s", ", , , , ,", "? ? ? ? ?"} {
		f.Add(s, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, spec, zone string) {
		s, err := ParseSchedule(spec, zone, time.Minute)
		if err != nil {
			return
		}
		if s.Words() == "" {
			t.Errorf("%q has no words", spec)
		}
		if s.Manual() {
			return
		}
		start := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
		if s.every > 100*365*day {
			return
		}
		next := s.Next(start)
		if !next.After(start) || s.Interval() < time.Minute {
			t.Errorf("%q fires at %s, every %s", spec, next, s.Interval())
		}
		if last := s.Last(start, next); !last.Equal(next) {
			t.Errorf("%q: the last tick up to %s is %s", spec, next, last)
		}
		if again, err := ParseSchedule(s.Spec, s.Timezone(), 0); err != nil || !again.Equal(s) {
			t.Errorf("%q is kept as %q, which reads as %+v, %v", spec, s.Spec, again, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("postgres:17", "schedule", "@daily", "nightly.target", "local", "/data")
	f.Add("mysql", "strategy", "volume", "paths", "/data,/x", "/data")
	f.Add("a/b:c@d", ".", "", "..", "\x00", "")
	f.Add("sha256:0", "backup.enable", "false", "a.enable", "true", "/")
	d, err := NewDecoder(config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, image, key1, value1, key2, value2, at string) {
		c := with(compose("db", image, key1, value1, key2, value2), volumeAt(at))
		services := d.Decode([]Container{c})
		if len(services) != 1 {
			t.Fatalf("decoded %d services", len(services))
		}
		svc := services[0]
		if len(svc.Refused) > 0 && len(svc.Problems) == 0 {
			t.Errorf("refused without a reason: %+v", svc)
		}
		for _, j := range svc.Jobs {
			if len(j.Targets) == 0 || j.Quorum < 1 || j.Quorum > len(j.Targets) || j.Strategy == "" || j.Schedule.Spec == "" || j.Timeout <= 0 || !plainName.MatchString(j.Name) {
				t.Errorf("half a job: %+v", j)
			}
		}
		for _, p := range svc.Problems {
			if p.Why == "" || p.Identity != svc.Identity {
				t.Errorf("half a problem: %+v", p)
			}
		}
	})
}
