package labels

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// files is a service of the project shop whose volume is backed up.
func files(service string, pairs ...string) Container {
	c := with(compose(service, "example/"+service, append(pairs, "strategy", "volume")...), volumeAt("/data"))
	c.Mounts[0].Name = "shop_" + service
	return c
}

func elsewhere(c Container, project string) Container {
	c.Labels[composeProject] = project
	return c
}

// declared lists the jobs that can run, and those that are refused with a mark.
func declared(services []Service) []string {
	var out []string
	for _, svc := range services {
		for _, job := range svc.Jobs {
			out = append(out, job.ID()+" "+job.Group)
		}
		for _, r := range svc.Refused {
			out = append(out, svc.Project+"/"+svc.Service+"/"+r.Name+" "+r.Group+" refused")
		}
	}
	return out
}

func TestDecode_GroupKeepsTheTimingOfMostOfItsMembers(t *testing.T) {
	for _, c := range []struct {
		name       string
		containers []Container
		want       []string
		label      string
		value      string
		why        string
		suggestion string
	}{
		{"one of three has another schedule", []Container{
			files("a", "group", "g", "schedule", "@hourly"), files("b", "group", "g"), files("c", "group", "g"),
		}, []string{"shop/a/default g refused", "shop/b/default g", "shop/c/default g"}, "simpledeploy.backup.schedule", "@hourly",
			`shop/b/default, which is in the group g too, has the schedule "0 2 * * *"`, "write 0 2 * * *, or take the label simpledeploy.backup.group out"},
		{"the first of two equals decides", []Container{files("a", "group", "g"), files("b", "group", "g", "timezone", "Europe/Berlin")},
			[]string{"shop/a/default g", "shop/b/default g refused"}, "simpledeploy.backup.timezone", "Europe/Berlin", `has the timezone "UTC"`, "write UTC"},
		{"jitter counts", []Container{files("a", "group", "g", "jitter", "5m"), files("b", "group", "g", "jitter", "10m")},
			[]string{"shop/a/default g", "shop/b/default g refused"}, "simpledeploy.backup.jitter", "10m", `has the jitter "5m"`, "write 5m"},
		{"a named job is named by its own label", []Container{files("a", "group", "g"), files("b", "x.group", "g", "x.schedule", "@daily")},
			[]string{"shop/a/default g", "shop/b/x g refused"}, "simpledeploy.backup.x.schedule", "@daily", "shop/a/default", "take the label simpledeploy.backup.x.group out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			services := decoder(t).Decode(c.containers)
			if diff := cmp.Diff(c.want, declared(services)); diff != "" {
				t.Fatal(diff)
			}
			var found []Problem
			for _, svc := range services {
				found = append(found, svc.Problems...)
			}
			if len(found) != 1 {
				t.Fatalf("problems: %+v", found)
			}
			p := found[0]
			if p.Label != c.label || p.Value != c.value || !strings.Contains(p.Why, c.why) || !strings.Contains(p.Suggestion, c.suggestion) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestDecode_AGroupNeverHoldsTheContainerOfADump(t *testing.T) {
	both := with(compose("db", "postgres:17", "group", "g", "sql.strategy", "postgres", "wal.strategy", "volume", "wal.quiesce", "stop"), volumeAt("/wal"))
	apart := with(compose("other", "postgres:17", "sql.group", "g", "sql.strategy", "postgres", "wal.group", "h", "wal.strategy", "volume", "wal.quiesce", "stop"), volumeAt("/wal"))
	services := decoder(t).Decode([]Container{both, apart})
	if diff := cmp.Diff([]string{"shop/db/sql g", "shop/db/wal g refused", "shop/other/sql g", "shop/other/wal h"}, declared(services)); diff != "" {
		t.Error(diff)
	}
	if p := services[0].Problems; len(p) != 1 || p[0].Label != "simpledeploy.backup.wal.quiesce" || !strings.Contains(p[0].Why, "shop/db/sql of the same group") {
		t.Errorf("problems: %+v", p)
	}
}

func TestDecode_GroupsOfTwoProjectsHaveNothingToDoWithEachOther(t *testing.T) {
	services := decoder(t).Decode([]Container{
		files("a", "group", "g"), files("b", "group", "g"),
		elsewhere(files("a", "group", "g", "schedule", "@hourly"), "blog"), elsewhere(files("b", "group", "g", "schedule", "@hourly"), "blog"),
	})
	want := []string{"blog/a/default g", "blog/b/default g", "shop/a/default g", "shop/b/default g"}
	if diff := cmp.Diff(want, declared(services)); diff != "" {
		t.Error(diff)
	}
	for _, svc := range services {
		if len(svc.Problems)+len(svc.Warnings) > 0 {
			t.Errorf("%s/%s: %+v %+v", svc.Project, svc.Service, svc.Problems, svc.Warnings)
		}
	}
}

// A member that is refused for another reason has no vote on the timing, and stays a declared member.
func TestDecode_ARefusedMemberStaysAMember(t *testing.T) {
	services := decoder(t).Decode([]Container{
		files("a", "group", "g", "schedule", "@hourly", "retentoin", "7"), files("b", "group", "g"),
	})
	if diff := cmp.Diff([]string{"shop/a/default g refused", "shop/b/default g"}, declared(services)); diff != "" {
		t.Error(diff)
	}
	if len(services[1].Problems)+len(services[1].Warnings) > 0 {
		t.Errorf("the other member: %+v %+v", services[1].Problems, services[1].Warnings)
	}
}

func TestDecode_GroupWarnings(t *testing.T) {
	db := compose("db", "postgres:17", "group", "nightly")
	for _, c := range []struct {
		name       string
		containers []Container
		service    string
		label, why string
		suggestion string
	}{
		{"alone", []Container{files("a", "group", "nightli"), files("b", "group", "nightly", "quiesce", "stop"), db},
			"a", "group", "the only job of this group", "did you mean nightly?"},
		{"files that are not held beside a database", []Container{files("a", "group", "nightly"), db},
			"a", "quiesce", "may not fit the dump of shop/db/default", "quiesce=stop"},
		{"another retention", []Container{files("a", "group", "nightly", "quiesce", "stop"), compose("db", "postgres:17", "group", "nightly", "retention", "30")},
			"db", "retention", "shop/a/default of the same group keeps other backups", "the same retention"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, svc := range decoder(t).Decode(c.containers) {
				if len(svc.Problems) > 0 {
					t.Fatalf("problems: %+v", svc.Problems)
				}
				if svc.Service != c.service {
					if len(svc.Warnings) > 0 {
						t.Errorf("%s is warned of: %+v", svc.Service, svc.Warnings)
					}
					continue
				}
				if len(svc.Warnings) != 1 {
					t.Fatalf("warnings: %+v", svc.Warnings)
				}
				w := svc.Warnings[0]
				if w.Label != "simpledeploy.backup."+c.label || !strings.Contains(w.Why, c.why) || !strings.Contains(w.Suggestion, c.suggestion) {
					t.Errorf("got %+v", w)
				}
			}
		})
	}
}

// A default for every project is no mistake in those that have one job.
func TestDecode_GroupFromTheEnvironmentIsNoWarning(t *testing.T) {
	d := decoder(t, func(c *Config) { c.Defaults = map[string]string{"group": "nightly"} })
	svc := one(t, d, compose("db", "postgres:17", "retention", "7"))
	if len(svc.Jobs) != 1 || svc.Jobs[0].Group != "nightly" || len(svc.Warnings) > 0 {
		t.Errorf("got %+v", svc)
	}
}

func TestJob_TimingIsWhatDecidesWhenItFires(t *testing.T) {
	job := Job{Schedule: schedule(t, "@daily", "UTC")}
	same := Job{Name: "other", Schedule: schedule(t, "@DAILY", "UTC"), Retention: Retention{Last: 3}}
	if job.Timing() != same.Timing() {
		t.Errorf("%q and %q fire together", job.Timing(), same.Timing())
	}
	for _, other := range []Job{
		{Schedule: schedule(t, "@hourly", "UTC")}, {Schedule: schedule(t, "@daily", "Europe/Berlin")},
		{Schedule: schedule(t, "@daily", "UTC"), Jitter: time.Minute},
	} {
		if job.Timing() == other.Timing() {
			t.Errorf("%q twice", job.Timing())
		}
	}
}
