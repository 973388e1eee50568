package labels

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "2w": 336 * time.Hour,
		"1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, " 5m ": 5 * time.Minute, "1w1d": 192 * time.Hour, "10ms": 10 * time.Millisecond,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %s, %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "empty", "30": "30m", "-5m": "negative", "5m-1m": "unit", "7D": "did you mean 7d?", "3mo": "a month is 30d", "h": "number",
		"1..5h": "malformed", "1e9h": "unit", "300y": "unit", "99999w": "292 years", "99999999w": "too large", "290000000000d": "too large", "106751d106751d": "292 years",
		"five minutes": "number",
	} {
		if got, err := ParseDuration(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q) = %s, %v, want an error with %q", in, got, err, want)
		}
	}
}

func TestParseRetention(t *testing.T) {
	for in, want := range map[string]Retention{
		"7": {Last: 7}, "14d": {Within: 14 * day}, "48h": {Within: 48 * time.Hour}, "all": {},
		"daily=7 weekly=4":  {Daily: 7, Weekly: 4},
		"daily=7, weekly=4": {Daily: 7, Weekly: 4},
		"LAST=3":            {Last: 3},
		"last=3 within=48h hourly=24 daily=7 weekly=4 monthly=12 yearly=3": {
			Last: 3, Within: 48 * time.Hour, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 3},
	} {
		got, err := ParseRetention(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("ParseRetention(%q): %v %s", in, err, diff)
		}
		if again, err := ParseRetention(got.String()); err != nil || again != got {
			t.Errorf("%q written as %q reads as %+v, %v", in, got, again, err)
		}
	}
	for in, want := range map[string]string{
		"": "empty", "0": "keep nothing", "-1": "keep nothing", "0d": "keep nothing", "daily=0": "keep nothing",
		"dayly=7": "did you mean daily?", "daily=x": "daily=7", "daily=7 daily=8": "twice", "7 weekly=4": "last=7",
		"forever": "duration", "fortnightly=2": "the rules are", "last=1000000": "most that can be counted", "daily=": "whole number",
		"within=-3d": "negative", "seven": "write 7 or last=7", "99999999999999999999": "unit",
	} {
		if got, err := ParseRetention(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRetention(%q) = %+v, %v, want an error with %q", in, got, err, want)
		}
	}
}

func TestClosest_FindsSlipsAndNothingElse(t *testing.T) {
	names := keyNames(Keys())
	for word, want := range map[string]string{
		"shedule": "schedule", "schedul": "schedule", "retension": "retention", "tagret": "target", "strateg": "strategy",
		"stop_timeout": "stop-timeout", "enabled": "enable", "path": "paths", "cron": "", "x": "", strings.Repeat("a", 100): "",
	} {
		if got := closest(word, names); got != want {
			t.Errorf("closest to %q is %q, want %q", word, got, want)
		}
	}
}
