package status_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

func TestStatus_NamesWhatNeedsAttentionThoughTheApplianceIsWell(t *testing.T) {
	w := newWorld(t)
	w.populate()
	var got status.Status
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/status", "").Body.Bytes(), &got))
	want := []string{
		"1 job is refused and does not run: shop/cache/default",
		"2 jobs have no good backup yet: blog/uploads/default, shop/db/hourly",
		"the last run of 1 job brought no backup: blog/db/default",
		"1 service keeps state and has no backup: registry",
	}
	if diff := cmp.Diff(want, got.Attention); diff != "" {
		t.Errorf("attention (-want +got):\n%s", diff)
	}
	if !got.Health.Healthy {
		t.Error("the health check follows: it is for rpo, engine and store alone")
	}
	page := w.ask(false, http.MethodGet, "/", "").Body.String()
	for _, want := range append(want, `class="pill big odd" role="status">Needs attention`) {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestStatus_AHouseInOrderNeedsNoAttention(t *testing.T) {
	w := newWorld(t)
	_, err := w.store.PutJobs(t.Context(), []store.Job{{ID: "shop/db/default", Project: "shop", Service: "db", Name: "default", Declared: true}})
	w.must(err)
	w.put("shop/db/default", runID("sd", 1), store.Succeeded, time.Hour, time.Second, 1<<20, nil)
	var got status.Status
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/status", "").Body.Bytes(), &got))
	if diff := cmp.Diff([]string{}, got.Attention); diff != "" {
		t.Errorf("attention (-want +got):\n%s", diff)
	}
	if page := w.ask(false, http.MethodGet, "/", "").Body.String(); !strings.Contains(page, ">Healthy<") {
		t.Error("the page does not say Healthy")
	}
}

// Nothing of a refused job runs, so a time for it would be a promise that nobody keeps.
func TestJobs_ARefusedOneHasNoNextRunAndIsNotCalledOverdue(t *testing.T) {
	w := newWorld(t)
	w.runner.health.Overdue = []string{"shop/db/default"}
	_, err := w.store.PutJobs(t.Context(), []store.Job{{
		ID: "shop/db/default", Project: "shop", Service: "db", Name: "default", Declared: true, Refused: true, NextRun: noon.Add(time.Hour),
	}})
	w.must(err)
	var got status.Jobs
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/jobs", "").Body.Bytes(), &got))
	if len(got.Jobs) != 1 || got.Jobs[0].State != status.JobRefused || !got.Jobs[0].NextRun.IsZero() {
		t.Errorf("got %+v", got.Jobs)
	}
}

func TestServices_TellDeclaredFromBackedUp(t *testing.T) {
	w := newWorld(t)
	w.populate()
	var got status.Services
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/services", "").Body.Bytes(), &got))
	for _, s := range got.Services {
		switch s.Project + "/" + s.Service {
		case "shop/db":
			if s.LastGood.IsZero() || !cmp.Equal(s.Waiting, []string{"shop/db/hourly"}) {
				t.Errorf("shop/db: last good %s, waiting %v", s.LastGood, s.Waiting)
			}
		case "blog/uploads":
			if !s.LastGood.IsZero() || !cmp.Equal(s.Waiting, []string{"blog/uploads/default"}) {
				t.Errorf("blog/uploads: last good %s, waiting %v", s.LastGood, s.Waiting)
			}
		}
	}
}
