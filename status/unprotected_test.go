package status_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

// inOrder is one job whose last run is good.
func (w *world) inOrder() {
	w.t.Helper()
	_, err := w.store.PutJobs(w.t.Context(), []store.Job{{ID: "shop/db/default", Project: "shop", Service: "db", Name: "default", Declared: true}})
	w.must(err)
	w.put("shop/db/default", runID("sd", 1), store.Succeeded, time.Hour, time.Second, 1<<20, nil)
}

func (w *world) summary() (v status.Status) {
	w.t.Helper()
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/status", "").Body.Bytes(), &v))
	return v
}

func (w *world) pageText() string {
	w.t.Helper()
	return w.ask(false, http.MethodGet, "/", "").Body.String()
}

// A green page above databases that nobody backs up would be a lie.
func TestStatus_AnUnprotectedServiceWithStateNeedsAttention(t *testing.T) {
	w := newWorld(t)
	w.inOrder()
	w.runner.plan.Services = []labels.Service{{
		Identity: labels.Identity{Project: "shop", Service: "cache"}, Stateful: true, Container: labels.Container{Image: "redis:8"},
		Suggested: []string{"redis: the image is redis:8", "volume: data on /data"},
	}}
	got := w.summary()
	if diff := cmp.Diff([]string{"1 service keeps state and has no backup: shop/cache"}, got.Attention); diff != "" {
		t.Errorf("attention (-want +got):\n%s", diff)
	}
	if !got.Health.Healthy || got.Totals.Unprotected != 1 {
		t.Errorf("healthy %t, %d unprotected", got.Health.Healthy, got.Totals.Unprotected)
	}
	page := w.pageText()
	for _, want := range []string{
		`class="pill big odd" role="status">Needs attention`, "1 service unprotected", "label <code>simpledeploy.backup.strategy: redis</code>",
		"the image is redis:8; or volume: data on /data", "simpledeploy.backup.enable: &#34;false&#34;",
	} {
		if !strings.Contains(strings.ReplaceAll(page, `enable: "false"`, "enable: &#34;false&#34;"), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestPage_ARefusedServiceStandsAmongTheProblemsAlone(t *testing.T) {
	w := newWorld(t)
	w.populate()
	page := w.pageText()
	_, bare, ok := strings.Cut(page, "Keeps state, not protected")
	bare, _, _ = strings.Cut(bare, "</section>")
	if !ok || strings.Contains(bare, "shop/cache") || !strings.Contains(bare, "registry") {
		t.Errorf("the list of the unprotected is %q", bare)
	}
}

func TestStatus_WarningsOfARunAreShownAndCounted(t *testing.T) {
	w := newWorld(t)
	w.inOrder()
	const pipe = "dump-command has a pipe: <exit 1> is not seen"
	w.put("shop/db/default", runID("sd", 0), store.Succeeded, time.Minute, time.Second, 1<<20, func(r *store.Run) { r.Warnings = []string{pipe} })
	got := w.summary()
	if got.Totals.Warned != 1 || !cmp.Equal(got.Projects[0].Jobs[0].LastRun.Warnings, []string{pipe}) {
		t.Errorf("%d warned, last run %+v", got.Totals.Warned, got.Projects[0].Jobs[0].LastRun)
	}
	page := w.pageText()
	for _, want := range []string{"1 last run with warnings", `<span class="pill odd">1 warning</span>`, "dump-command has a pipe: &lt;exit 1&gt; is not seen"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	w.put("shop/db/default", runID("sd", -1), store.Succeeded, 0, time.Second, 1<<20, nil)
	if got := w.summary(); got.Totals.Warned != 0 {
		t.Errorf("a run without warnings came after it: %d warned", got.Totals.Warned)
	}
}

func TestStatus_ABackupOfNearlyNothingNeedsAttention(t *testing.T) {
	w := newWorld(t)
	w.inOrder()
	w.put("shop/db/default", runID("sd", 0), store.Succeeded, time.Minute, time.Second, 1<<10, func(r *store.Run) {
		r.Warnings = []string{"holds far less than the last good backup of this job: 50,000 rows before, 0 now"}
	})
	want := []string{"the last backup of 1 job holds far less than the one before: shop/db/default"}
	if diff := cmp.Diff(want, w.summary().Attention); diff != "" {
		t.Errorf("attention (-want +got):\n%s", diff)
	}
	if page := w.pageText(); !strings.Contains(page, "50,000 rows before, 0 now") || !strings.Contains(page, ">Needs attention<") {
		t.Error("the page does not say so")
	}
}

// One dead target is one trouble, however many jobs meet it.
func TestPage_TellsATargetsTroubleOnce(t *testing.T) {
	w := newWorld(t)
	const trouble = "dial tcp 203.0.113.7:443: i/o timeout"
	g := runner.Group{Project: "shop", Name: "nightly"}
	for _, name := range []string{"db", "files", "cache"} {
		id := "shop/" + name + "/default"
		_, err := w.store.PutJobs(t.Context(), []store.Job{{ID: id, Project: "shop", Service: name, Name: "default", Declared: true}})
		w.must(err)
		w.put(id, runID(name[:2], 1), store.Succeeded, 2*time.Hour, time.Second, 1<<20, nil)
		w.put(id, runID(name[:2], 0), store.Partial, time.Hour, time.Second, 1<<20, func(r *store.Run) {
			r.Cause, r.Error = "target", "1 of 2 wanted targets hold the backup; offsite: "+trouble
		})
		w.must(w.store.PutArtifact(t.Context(), store.Artifact{RunID: runID(name[:2], 0), Target: "offsite", State: store.Due, Error: trouble}))
	}
	w.runner.plan.Groups = []runner.Group{g}
	w.must(w.store.CreateGroupRun(t.Context(), store.GroupRun{
		ID: "0group1", Project: "shop", Name: g.Name, Trigger: "schedule", State: store.Partial, Error: "shop/db/default is partial: offsite: " + trouble, QueuedAt: noon,
	}, nil))
	page := w.pageText()
	if n := strings.Count(page, trouble); n != 1 {
		t.Errorf("the page says it %d times", n)
	}
	for _, want := range []string{"not yet on offsite: see Targets", "3 copies due", "a partial one does not count", `<li class="odd"><p><b>Group nightly</b>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestPage_AGoodGroupIsGreen(t *testing.T) {
	w := newWorld(t)
	w.inOrder()
	w.runner.plan.Groups = []runner.Group{{Project: "shop", Name: "nightly"}}
	w.must(w.store.CreateGroupRun(t.Context(), store.GroupRun{
		ID: "0group1", Project: "shop", Name: "nightly", Trigger: "schedule", State: store.Succeeded, QueuedAt: noon,
	}, nil))
	if !strings.Contains(w.pageText(), `<li class="good"><p><b>Group nightly</b>`) {
		t.Error("its bar is not green")
	}
}

func TestStatus_AnAbsentJobThatHadAnRPOIsNamed(t *testing.T) {
	w := newWorld(t)
	rows := []store.Job{
		{ID: "shop/links/default", Project: "shop", Service: "links", Name: "default", Declared: true, Spec: json.RawMessage(`{"rpo":120000000000}`)},
		{ID: "shop/old/default", Project: "shop", Service: "old", Name: "default", Declared: true},
	}
	_, err := w.store.PutJobs(t.Context(), rows)
	w.must(err)
	_, err = w.store.PutJobs(t.Context(), nil)
	w.must(err)
	got := w.summary()
	if len(got.Absent) != 1 || got.Absent[0].ID != "shop/links/default" || got.Absent[0].RPOSeconds != 120 || got.Totals.Absent != 2 {
		t.Errorf("absent %+v of %d", got.Absent, got.Totals.Absent)
	}
	page := w.pageText()
	for _, want := range []string{"2 jobs no longer declared", "absent since 2026-11-21 12:00 UTC: no alarm, though its rpo was 2m", "simpledeploy-backup prune shop/links/default --absent"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "prune shop/old") {
		t.Error("one without an rpo is named too")
	}
}
