package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func TestPrintServices_SaysWhatProtectsEach(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	err := p.printServices([]status.Service{
		{Project: "shop", Service: "db", Image: "postgres:17", Stateful: true, Protected: true, Jobs: []string{"shop/db/default", "shop/db/hourly"},
			LastGood: now.Add(-3 * time.Hour), Waiting: []string{"shop/db/hourly"}},
		{Project: "shop", Service: "new", Image: "postgres:17", Stateful: true, Protected: true, Jobs: []string{"shop/new/default"},
			Waiting: []string{"shop/new/default"}},
		{Project: "shop", Service: "files", Image: "app", Stateful: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "cache", Image: "redis:8", Stateful: true, OptedOut: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "wrong", Image: "app", Stateful: true, Problems: 1},
		{Project: "shop", Service: "backup", Image: "simpledeploy-backup"},
		{Project: "shop", Service: "files2", Image: "app", Stateful: true, Protected: true, Jobs: []string{"shop/files2/default"}, LastGood: now.Add(-time.Hour)},
	}, []status.Job{
		{ID: "shop/db/default", LastRun: &status.LastRun{ID: "0run", State: "partial", Warnings: []string{"w"}}},
		{ID: "shop/files2/default", LastRun: &status.LastRun{State: "failed"}},
		{ID: "shop/wrong/default", Project: "shop", Service: "wrong", State: status.JobRefused, LastSuccess: now.Add(-5 * time.Hour)},
		{ID: "shop/links/default", State: status.JobAbsent, AbsentSince: now.Add(-time.Hour), RPOSeconds: 120},
		{ID: "shop/gone/default", State: status.JobAbsent, AbsentSince: now.Add(-time.Hour)},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SERVICE IMAGE PROTECTED BY",
		"shop/db postgres:17 yes (last good 3 h ago) shop/db/default (last run partial, 1 warning, see simpledeploy-backup history 0run), shop/db/hourly (no good backup yet)",
		"shop/new postgres:17 declared, no good backup yet shop/new/default",
		"shop/files app NO would fit: volume: data on /data",
		"shop/cache redis:8 off its labels say enable=false",
		"shop/wrong app refused (last good 5 h ago) see simpledeploy-backup plan",
		"shop/backup simpledeploy-backup - keeps no state",
		"shop/files2 app yes (last good 1 h ago) shop/files2/default (last run failed)",
		"",
		"1 service keeps state and has no backup, 1 is refused, in whole or in part, by a problem with its labels, 1 is declared and has no good backup yet.",
		"",
		"shop/links/default: absent since " + flat(moment(now.Add(-time.Hour))) + ": no alarm, though its rpo was 2m; simpledeploy-backup prune shop/links/default --absent gives it up",
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, flat(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestDetect_EndsWithThreeWhenSomethingIsNotProtected(t *testing.T) {
	bare := status.Service{Stateful: true}
	for name, tt := range map[string]struct {
		change func(*status.Service)
		code   int
	}{
		"bare":                       {func(*status.Service) {}, exitProblems},
		"refused":                    {func(s *status.Service) { s.Problems = 1 }, exitProblems},
		"one of its jobs is refused": {func(s *status.Service) { s.Protected, s.Problems = true, 1 }, exitProblems},
		"protected":                  {func(s *status.Service) { s.Protected = true }, exitOK},
		"opted out":                  {func(s *status.Service) { s.OptedOut = true }, exitOK},
		"keeps no state":             {func(s *status.Service) { s.Stateful = false }, exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := bare
			tt.change(&s)
			code := exitOK
			if exit, ok := errors.AsType[*exitError](unprotected([]status.Service{{Stateful: true, Protected: true}, s})); ok {
				code = exit.code
			}
			if code != tt.code {
				t.Errorf("ends with %d, want %d", code, tt.code)
			}
		})
	}
}

func TestPrintPlan_AnAbsentJobThatHadAnRPOSaysThatItsAlarmIsOff(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	since := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := p.printPlan(runner.PlanView{Next: []runner.NextRun{
		{Job: "shop/links/default", Absent: true, AbsentSince: since, RPOSeconds: 120}, {Job: "shop/old/default", Absent: true, AbsentSince: since},
	}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"shop/links/default: absent since " + moment(since) + ": no alarm, though its rpo was 2m; simpledeploy-backup prune shop/links/default --absent gives it up\n",
		"\n  simpledeploy-backup prune shop/old/default --absent\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, out.String())
		}
	}
}
