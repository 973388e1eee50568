package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

// grouped gives the shop a group with a good restore point, one that failed after it, and a skipped one.
func (w *world) grouped() {
	w.t.Helper()
	g := runner.Group{Project: "shop", Name: "nightly", Refused: []string{"shop/cache/default"}}
	for i, job := range w.runner.plan.Jobs {
		if job.Project == "shop" && job.Name == "default" {
			w.runner.plan.Jobs[i].Group = g.Name
			g.Jobs = append(g.Jobs, w.runner.plan.Jobs[i])
		}
	}
	w.runner.plan.Groups = []runner.Group{g}
	for _, row := range []store.GroupRun{
		{ID: "0group1", State: store.Succeeded, Trigger: "schedule", QueuedAt: noon.Add(-48 * time.Hour)},
		{ID: "0group2", State: store.Failed, Cause: "refused", Error: "shop/cache/default is in this group and was refused", Trigger: "schedule",
			QueuedAt: noon.Add(-24 * time.Hour), Refused: g.Refused},
		{ID: "0group3", State: store.Skipped, Cause: "busy", Trigger: "schedule", QueuedAt: noon.Add(-time.Hour)},
		{ID: "0group4", State: store.Succeeded, Trigger: "safety", QueuedAt: noon.Add(-time.Minute)},
	} {
		row.Project, row.Name, row.StartedAt = "shop", "nightly", row.QueuedAt
		row.HeldAt, row.ReleasedAt, row.FinishedAt = row.QueuedAt.Add(time.Second), row.QueuedAt.Add(3*time.Second), row.QueuedAt.Add(5*time.Second)
		run := store.Run{
			ID: "0run" + row.ID[6:], Project: "shop", Service: "db", Job: "default", Trigger: row.Trigger, State: row.State, QueuedAt: row.QueuedAt,
			StoredBytes: 1 << 20,
		}
		w.must(w.store.CreateGroupRun(w.t.Context(), row, []store.Run{run}))
	}
}

func TestGroups_AreListedAndToldWhole(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.grouped()
	var page status.GroupRuns
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/groups?project=shop&group=nightly&trigger=schedule&limit=2", "").Body.Bytes(), &page))
	if len(page.Groups) != 2 || page.Groups[0].ID != "0group3" || page.Next == "" {
		t.Fatalf("got %+v", page)
	}
	var g status.GroupRun
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/groups/0group2", "").Body.Bytes(), &g))
	if g.Group != "nightly" || g.State != "failed" || g.HeldMS != 2000 || g.DurationMS != 5000 || g.StoredBytes != 1<<20 {
		t.Errorf("got %+v", g)
	}
	if len(g.Runs) != 1 || g.Runs[0].GroupRun != "0group2" || len(g.Refused) != 1 {
		t.Errorf("its members: %+v, refused %v", g.Runs, g.Refused)
	}
	var p status.Progress
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/groups/0group2/progress", "").Body.Bytes(), &p))
	if !p.Done || p.State != "failed" || !strings.Contains(p.Error, "shop/cache/default") {
		t.Errorf("progress: %+v", p)
	}
	w.runner.progress = map[string]runner.Progress{"0run2": {Phase: "dumping", RawBytes: 7, ExpectedBytes: 70}, "0group2": {Phase: "dumping shop/db/default"}}
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/groups/0group2/progress", "").Body.Bytes(), &p))
	if p.RawBytes != 7 || p.Phase != "failed" {
		t.Errorf("progress with a member at work: %+v", p)
	}
	var runs status.Runs
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/runs?group_run=0group1", "").Body.Bytes(), &runs))
	if len(runs.Runs) != 1 || runs.Runs[0].ID != "0run1" {
		t.Errorf("runs of a group run: %+v", runs)
	}
	for path, want := range map[string]int{"/api/groups/none": 404, "/api/groups?service=db": 400, "/api/groups?project=blog": 200} {
		if rec := w.ask(false, "GET", path, ""); rec.Code != want {
			t.Errorf("%s: %d %s, want %d", path, rec.Code, rec.Body, want)
		}
	}
}

func TestGroups_TheSummaryNamesTheLastWholeRestorePoint(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.grouped()
	var v status.Status
	w.must(json.Unmarshal(w.ask(true, "GET", "/api/status", "").Body.Bytes(), &v))
	var groups []status.Group
	for _, p := range v.Projects {
		if p.Name != "shop" && len(p.Groups) > 0 {
			t.Errorf("%s has the shop's groups", p.Name)
		}
		groups = append(groups, p.Groups...)
	}
	if len(groups) != 1 {
		t.Fatalf("groups: %+v", groups)
	}
	g := groups[0]
	if g.GoodRun != "0group1" || g.LastRun == nil || g.LastRun.ID != "0group2" || len(g.Jobs) != 2 || g.Restore != "simpledeploy-backup restore shop --group 0group1" {
		t.Errorf("got %+v with the last run %+v", g, g.LastRun)
	}
	if !strings.Contains(strings.Join(v.Attention, "\n"), "the group nightly of shop brought no whole restore point") {
		t.Errorf("attention: %v", v.Attention)
	}
	page := w.ask(true, "GET", "/", "").Body.String()
	for _, want := range []string{"Group nightly", "restore shop --group 0group1", "group run 0group2"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestGroups_ARunAnswersWithItsGroup(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.grouped()
	w.runner.started = []string{"0run1", "0run2", runID("sd", 1)}
	rec := w.ask(true, "POST", "/api/projects/shop/run", `{"group": "nightly", "keep": true}`)
	var ids status.RunIDs
	w.must(json.Unmarshal(rec.Body.Bytes(), &ids))
	if diff := cmp.Diff(status.RunIDs{Runs: w.runner.started, Groups: []string{"0group1", "0group2"}}, ids); diff != "" || rec.Code != 202 {
		t.Errorf("%d %s", rec.Code, diff)
	}
	if diff := cmp.Diff(runner.RunRequest{Project: "shop", Group: "nightly", Keep: true}, w.runner.asked[0]); diff != "" {
		t.Error(diff)
	}
	if rec := w.ask(true, "POST", "/api/services/shop/db/run", `{"group": "nightly"}`); rec.Code != 400 {
		t.Errorf("a group of a service: %d %s", rec.Code, rec.Body)
	}
}

func TestGroups_ARestoreIsPlannedBegunAndTold(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.grouped()
	want := runner.GroupRestoreRequest{GroupRun: "0group1", Project: "shop", ToProject: "staging", Incomplete: true, NoSafety: true}
	const body = `{"project": "shop", "to_project": "staging", "incomplete": true, "no_safety": true}`
	for path, code := range map[string]int{"/api/groups/0group1/restore": 202, "/api/groups/0group1/restore/plan": 200} {
		w.runner.asked = nil
		rec := w.ask(true, "POST", path, body)
		if rec.Code != code {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		if diff := cmp.Diff([]any{want}, w.runner.asked); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	whole := store.Restore{ID: "0whole", GroupRun: "0group1", Project: "shop", ToProject: "shop", State: store.Failed, StartedAt: noon}
	w.must(w.store.PutRestore(t.Context(), whole))
	w.must(w.store.PutRestore(t.Context(), store.Restore{ID: "0part", PartOf: "0whole", RunID: "0run1", Project: "shop", Service: "db", Job: "default", State: store.Succeeded, StartedAt: noon}))
	var r status.Restore
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/restores/0whole", "").Body.Bytes(), &r))
	if r.GroupRun != "0group1" || len(r.Parts) != 1 || r.Parts[0].ID != "0part" || r.Parts[0].PartOf != "0whole" {
		t.Errorf("got %+v", r)
	}
}
