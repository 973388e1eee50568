package runner

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// container is one of a Compose project, with a volume and the given keys.
func container(project, service string, keys ...string) strategy.Info {
	info := strategy.Info{
		ID: project + service, Name: project + "-" + service + "-1", Image: "example/" + service, State: "running",
		Labels: map[string]string{
			"com.docker.compose.project": project, "com.docker.compose.service": service,
			"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False", "simpledeploy.backup.strategy": "volume",
		},
		Mounts: []strategy.Mount{{Type: "volume", Name: project + "_" + service, Destination: "/data", ReadWrite: true}},
	}
	for i := 0; i < len(keys); i += 2 {
		info.Labels["simpledeploy.backup."+keys[i]] = keys[i+1]
	}
	return info
}

func planOf(t *testing.T, infos ...strategy.Info) Plan {
	t.Helper()
	dec, err := labels.NewDecoder(labels.Config{
		Strategies: []labels.Strategy{{Name: "volume", Available: true, Files: true}, {Name: "postgres", Available: true}},
		Targets:    []string{"local", "far"}, MinInterval: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return MakePlan(dec, infos, Scope{Local: func(name string) bool { return name == "local" }}, time.Now())
}

func unitIDs(units []unit) []string {
	var out []string
	for _, u := range units {
		id := u.id + ":"
		for _, job := range u.jobs {
			id += " " + job.Service + "/" + job.Name
		}
		out = append(out, id)
	}
	return out
}

func TestPlan_AGroupIsOneUnitOfItsProject(t *testing.T) {
	plan := planOf(t,
		container("shop", "app", "group", "nightly"), container("shop", "db", "group", "nightly", "strategy", "postgres"),
		container("shop", "web"), container("blog", "app", "group", "nightly"), container("shop", "bad", "group", "nightly", "retention", "x"))
	want := []string{"group:blog/nightly: app/default", "group:shop/nightly: app/default db/default", "shop/web/default: web/default"}
	if diff := cmp.Diff(want, unitIDs(plan.units())); diff != "" {
		t.Error(diff)
	}
	if g, ok := plan.group("shop", "nightly"); !ok || len(g.Refused) != 1 || g.Refused[0] != "shop/bad/default" {
		t.Errorf("the refused member is forgotten: %+v", g)
	}
	for _, c := range []struct {
		req  RunRequest
		want []string
	}{
		{RunRequest{Project: "shop"}, want[1:]},
		{RunRequest{Project: "shop", Group: "nightly"}, want[1:2]},
		{RunRequest{Project: "shop", Group: "weekly"}, nil},
		{RunRequest{Project: "shop", Service: "db"}, []string{"shop/db/default: db/default"}},
		{RunRequest{Project: "shop", Service: "db", Job: "other"}, nil},
	} {
		if diff := cmp.Diff(c.want, unitIDs(plan.asked(c.req))); diff != "" {
			t.Errorf("%+v: %s", c.req, diff)
		}
	}
}

// What one member holds is held until the last one's stream has ended, so a far target for any of them is refused.
func TestPlan_AGroupThatHoldsTakesNoStreamToAFarTarget(t *testing.T) {
	for _, c := range []struct {
		name    string
		infos   []strategy.Info
		refused string
		label   string
	}{
		{"nothing is held", []strategy.Info{container("shop", "app", "group", "g"), container("shop", "db", "group", "g", "strategy", "postgres", "target", "far")}, "", ""},
		{"the app is held", []strategy.Info{container("shop", "app", "group", "g", "quiesce", "stop"), container("shop", "db", "group", "g", "strategy", "postgres", "target", "far,local")}, "shop/db/default", "group"},
		{"another group is held", []strategy.Info{container("shop", "app", "group", "h", "quiesce", "stop"), container("shop", "db", "group", "g", "strategy", "postgres", "target", "far")}, "", ""},
		{"the same name elsewhere is held", []strategy.Info{container("blog", "app", "group", "g", "quiesce", "stop"), container("shop", "db", "group", "g", "strategy", "postgres", "target", "far")}, "", ""},
		{"its own hold", []strategy.Info{container("shop", "app", "group", "g", "quiesce", "stop", "target", "far"), container("shop", "db", "group", "g", "strategy", "postgres")}, "shop/app/default", "quiesce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := planOf(t, c.infos...)
			var refused string
			for _, p := range plan.Problems {
				refused += p.Project + "/" + p.Service + "/" + p.Job
				if p.Label != c.label {
					t.Errorf("problem %+v, want the label %s", p, c.label)
				}
			}
			if refused != c.refused {
				t.Errorf("refused %q, want %q", refused, c.refused)
			}
			if c.refused == "" {
				return
			}
			if g, _ := plan.group("shop", "g"); len(g.Refused) != 1 || g.Refused[0] != c.refused {
				t.Errorf("the group does not know: %+v", g)
			}
		})
	}
}

func TestClock_AGroupFiresAsOneAndCatchesUpAsOne(t *testing.T) {
	r, _, _ := storage(t)
	now := time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	var fired []string
	fire := func(u unit, tick time.Time, trigger string) {
		fired = append(fired, unitIDs([]unit{u})[0]+" "+trigger+" "+tick.Format(time.DateTime))
	}
	plan := planOf(t, container("shop", "app", "group", "g", "schedule", "0 * * * *"), container("shop", "db", "group", "g", "schedule", "0 * * * *"))
	put := func(p Plan) {
		t.Helper()
		if _, err := r.cfg.Store.PutJobs(t.Context(), jobRows(p, nil)); err != nil {
			t.Fatal(err)
		}
	}
	put(plan)
	for id, last := range map[string]time.Time{"shop/app/default": now.Add(-10 * time.Minute), "shop/db/default": now.Add(-3 * time.Hour)} {
		if err := r.cfg.Store.SetTick(t.Context(), id, last, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	c := newClock(r.cfg.Store, func() time.Time { return now }, true, fire)
	set := func(p Plan) {
		t.Helper()
		if err := c.set(t.Context(), p.units()); err != nil {
			t.Fatal(err)
		}
	}
	set(plan)
	now = now.Add(10 * time.Second)
	c.fireDue(t.Context())
	c.fireDue(t.Context())
	// A member joins, and another one leaves: the group's next tick stays.
	changed := planOf(t, container("shop", "app", "group", "g", "schedule", "0 * * * *"), container("shop", "new", "group", "g", "schedule", "0 * * * *"),
		container("shop", "db", "schedule", "30 * * * *"))
	put(changed)
	set(changed)
	three := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	for _, id := range []string{"shop/app/default", "shop/new/default"} {
		if job, err := r.cfg.Store.Job(t.Context(), id); err != nil || !job.NextRun.Equal(three) || !c.nextOf(id).Equal(three) {
			t.Errorf("%s: next run %s in the record, %s in the clock: %v", id, job.NextRun, c.nextOf(id), err)
		}
	}
	now = three
	c.fireDue(t.Context())
	now = now.Add(30 * time.Minute)
	c.fireDue(t.Context())
	want := []string{
		"group:shop/g: app/default db/default catch-up 2026-03-01 02:00:00",
		"group:shop/g: app/default new/default schedule 2026-03-01 03:00:00",
		"shop/db/default: db/default schedule 2026-03-01 03:30:00",
	}
	if diff := cmp.Diff(want, fired); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
	if job, err := r.cfg.Store.Job(t.Context(), "shop/app/default"); err != nil || !job.LastTick.Equal(three) {
		t.Errorf("the member's tick is noted as %s: %v", job.LastTick, err)
	}
}

func TestQueue_AGroupTakesOneSlotAndTheLocksOfAllItsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []string
		q := newQueue(t.Context(), 2)
		group := newGate(&began, "group", "group:shop/g", "shop/app", "shop/db")
		group.jobs = append(group.jobs, "shop/app/default", "shop/db/default")
		member := newGate(&began, "member", "shop/db/default", "shop/db")
		other := newGate(&began, "other", "shop/web/default", "shop/web")
		for _, g := range []*gate{group, member, other} {
			q.submit(&g.task)
			synctest.Wait()
		}
		if diff := cmp.Diff([]string{"group", "other"}, began); diff != "" {
			t.Fatalf("began (-want +got):\n%s", diff)
		}
		if !q.busy("group:shop/g") || !q.busy("shop/app/default") || q.busy("group:blog/g") {
			t.Error("the group is not busy, or another one is")
		}
		close(group.open)
		synctest.Wait()
		if began[len(began)-1] != "member" {
			t.Fatalf("the member's own run did not begin after the group's: %v", began)
		}
		close(member.open)
		close(other.open)
		<-q.close()
	})
}

func TestSettleGroupState_IsWhatItsMembersAre(t *testing.T) {
	for _, c := range []struct {
		name    string
		states  []string
		refused []string
		notBack error
		state   string
		cause   string
		says    string
	}{
		{"all good", []string{store.Succeeded, store.Succeeded}, nil, nil, store.Succeeded, "", ""},
		{"one failed", []string{store.Succeeded, store.Failed}, nil, nil, store.Failed, "c1", "shop/s1/default is failed: e1"},
		{"one is held by fewer targets", []string{store.Partial, store.Succeeded}, nil, nil, store.Partial, "c0", "shop/s0/default is partial: e0"},
		{"a failure counts more", []string{store.Partial, store.Failed}, nil, nil, store.Failed, "c0", "shop/s1/default is failed"},
		{"in either order", []string{store.Failed, store.Partial}, nil, nil, store.Failed, "c0", "shop/s1/default is partial"},
		{"interrupted", []string{store.Failed, store.Interrupted}, nil, nil, store.Interrupted, "c0", "shop/s1/default is interrupted"},
		{"skipped", []string{store.Succeeded, store.Skipped}, nil, nil, store.Failed, "c1", "shop/s1/default is skipped"},
		{"one was refused", []string{store.Succeeded}, []string{"shop/x/default"}, nil, store.Failed, "refused", "shop/x/default is in this group and was refused"},
		{"what it held is not back", []string{store.Succeeded}, nil, errors.New("no room"), store.Failed, "hold", "no room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := store.GroupRun{State: store.Running, Refused: c.refused, Error: "old"}
			var runs []store.Run
			for i, state := range c.states {
				n := string(rune('0' + i))
				run := store.Run{Project: "shop", Service: "s" + n, Job: "default", State: state}
				if state != store.Succeeded {
					run.Cause, run.Error = "c"+n, "e"+n
				}
				runs = append(runs, run)
			}
			settleGroupState(&row, runs, c.notBack)
			if row.State != c.state || row.Cause != c.cause || !strings.Contains(row.Error, c.says) || c.says == "" && row.Error != "" {
				t.Errorf("got %s (%s): %q", row.State, row.Cause, row.Error)
			}
		})
	}
}
