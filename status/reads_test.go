package status_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

func TestReads_AnswerAsRecorded(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.must(w.store.PutRestore(t.Context(), store.Restore{
		ID: "0restore", RunID: runID("sd", 1), Key: "attic/shop/db/default/x.sql.zst", Source: "local", Project: "shop", Service: "db",
		Job: "default", ToProject: "shop", ToService: "db", State: store.Succeeded, StartedAt: noon.Add(-time.Hour),
		FinishedAt: noon.Add(-59 * time.Minute), RawBytes: 1 << 20, Differences: []string{"table carts: 12 rows instead of 13"},
	}))
	w.must(w.store.AppendEvent(t.Context(), store.Event{ID: "1", At: noon, Actor: "labels", Kind: "job-added", Project: "shop", Service: "db", Job: "default", Text: "job declared"}))
	w.runner.view = runner.PlanView{Next: []runner.NextRun{{Job: "shop/db/default", Strategy: "postgres", Schedule: "daily at 02:00 (UTC)", At: noon.Add(time.Hour), Targets: []string{"local"}, Retention: "last 7"}}}
	h := w.server().Handler(false)
	for name, path := range map[string]string{
		"status": "/api/status", "services": "/api/services", "jobs": "/api/jobs", "jobs-all": "/api/jobs?all=true",
		"job": "/api/jobs/shop/db/default", "runs": "/api/runs?project=shop&service=db&job=default&limit=2",
		"run": "/api/runs/" + runID("sd", 1), "progress": "/api/runs/" + runID("sh", 1) + "/progress",
		"progress-done": "/api/runs/" + runID("sd", 1) + "/progress", "restores": "/api/restores", "restore": "/api/restores/0restore",
		"restore-progress": "/api/restores/0restore/progress", "targets": "/api/targets", "problems": "/api/problems",
		"events": "/api/events?kind=job-added", "plan": "/api/plan", "health": "/api/health", "readyz": "/readyz", "healthz": "/healthz",
	} {
		t.Run(name, func(t *testing.T) {
			rec := ask(t, h, "GET", path, "")
			if rec.Code != 200 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			var pretty bytes.Buffer
			w.must(json.Indent(&pretty, rec.Body.Bytes(), "", "  "))
			golden(t, "testdata/"+name+".json", pretty.String())
		})
	}
}

func TestReads_DBStatus(t *testing.T) {
	var got store.DBStatus
	w := newWorld(t)
	w.must(json.Unmarshal(w.ask(false, "GET", "/api/db/status", "").Body.Bytes(), &got))
	if !got.Configured || got.Dialect != "sqlite" || got.SizeBytes == 0 {
		t.Errorf("got %+v", got)
	}
}

func TestReads_RunsPageByPage(t *testing.T) {
	w := newWorld(t)
	w.populate()
	h := w.server().Handler(false)
	seen, path := map[string]bool{}, "/api/runs?limit=7"
	for cursor := ""; ; {
		var page status.Runs
		w.must(json.Unmarshal(ask(t, h, "GET", path+cursor, "").Body.Bytes(), &page))
		for _, r := range page.Runs {
			if seen[r.ID] {
				t.Fatalf("run %s came twice", r.ID)
			}
			seen[r.ID] = true
		}
		if page.Next == "" {
			break
		}
		cursor = "&cursor=" + page.Next
	}
	if len(seen) != 39 {
		t.Errorf("saw %d runs, want 39", len(seen))
	}
}

func TestReadyz_NotReadyNamesNoCause(t *testing.T) {
	w := newWorld(t)
	w.runner.health = runner.Health{Engine: "dial unix /var/run/docker.sock: no such file", Reasons: []string{"engine away"}}
	rec := w.ask(false, "GET", "/readyz", "")
	if rec.Code != 503 || strings.Contains(rec.Body.String(), "docker.sock") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask(false, "GET", "/healthz", ""); rec.Code != 200 {
		t.Errorf("healthz: got %d, want 200: the process is alive", rec.Code)
	}
}

func TestStatus_PartialRunThatCatchesUpIsShownAtOnce(t *testing.T) {
	w := newWorld(t)
	w.populate()
	h := w.server().Handler(true)
	job := func() (j status.Job) {
		w.must(json.Unmarshal(ask(t, h, "GET", "/api/jobs/blog/uploads/default", "").Body.Bytes(), &j))
		return j
	}
	if got := job().State; got != status.JobPartial {
		t.Fatalf("state is %s, want partial", got)
	}
	run, err := w.store.Run(t.Context(), runID("bu", 1))
	w.must(err)
	run.State, run.Error, run.Cause = store.Succeeded, "", ""
	w.must(w.store.UpdateRun(t.Context(), run))
	if got := job(); got.State != status.JobOK || got.LastStates[0] != store.Succeeded {
		t.Errorf("got %+v", got)
	}
}

func TestMetrics_SayWhatTheRecordSays(t *testing.T) {
	w := newWorld(t)
	w.populate()
	h := w.server().Handler(false)
	ask(t, h, "GET", "/metrics", "")
	run, err := w.store.Run(t.Context(), runID("sh", 1))
	w.must(err)
	run.State, run.FinishedAt = store.Failed, noon.Add(time.Minute)
	w.must(w.store.UpdateRun(t.Context(), run))
	w.put("shop/db/hourly", store.NewID(), store.Succeeded, -2*time.Minute, time.Minute, 5<<20, nil)
	var body string
	for range 3 { // a run is counted once, however often it is looked at
		body = ask(t, h, "GET", "/metrics", "").Body.String()
	}
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "simpledeploy_") {
			lines = append(lines, regexp.MustCompile(`goversion="[^"]*"`).ReplaceAllString(line, `goversion="go"`))
		}
	}
	golden(t, "testdata/metrics.txt", strings.Join(lines, ""))
}

func TestMetrics_AnUnreadableRecordFailsTheScrape(t *testing.T) {
	w := newWorld(t)
	s := w.server()
	w.must(w.store.Close())
	if rec := ask(t, s.Handler(false), "GET", "/metrics", ""); rec.Code != 500 {
		t.Errorf("got %d, want 500", rec.Code)
	}
	if rec := ask(t, s.Handler(false), "GET", "/api/status", ""); rec.Code != 500 {
		t.Errorf("status: got %d, want 500", rec.Code)
	}
}

func TestWrites_ReachTheRunner(t *testing.T) {
	at := noon.Add(-time.Hour)
	tests := []struct {
		path, body string
		code       int
		want       any
	}{
		{"/api/jobs/shop/db/hourly/run", `{"keep":true}`, 202, runner.RunRequest{Project: "shop", Service: "db", Job: "hourly", Keep: true}},
		{"/api/services/shop/db/run", "", 202, runner.RunRequest{Project: "shop", Service: "db"}},
		{"/api/projects/_/run", "", 202, runner.RunRequest{Project: "_"}},
		{"/api/services/shop/a%2Fb/run", "", 202, runner.RunRequest{Project: "shop", Service: "a/b"}},
		{"/api/restores", `{"project":"shop","service":"db","at":"2026-11-21T11:00:00Z","to_project":"test","to_service":"db"}`, 202,
			runner.RestoreRequest{Project: "shop", Service: "db", At: at, ToProject: "test", ToService: "db"}},
		{"/api/restores/plan", `{"project":"shop","service":"db","run":"x"}`, 200, runner.RestoreRequest{Project: "shop", Service: "db", RunID: "x"}},
		{"/api/runs/" + runID("sd", 3) + "/restore", "", 202, runner.RestoreRequest{Project: "shop", Service: "db", Job: "default", RunID: runID("sd", 3)}},
		{"/api/runs/" + runID("sd", 3) + "/restore", `{"service":"files"}`, 400, nil},
		{"/api/prune", `{"job":"shop/db/default","dry_run":true}`, 200, status.PruneRequest{Job: "shop/db/default", DryRun: true}},
		{"/api/targets/local/adopt", "", 200, "local"},
		{"/api/targets/nowhere/adopt", "", 404, nil},
		{"/api/restores", `{"project":"shop"}`, 400, nil},
		{"/api/restores", `{"project":"shop","service":"db","run":"x","at":"2026-11-21T11:00:00Z"}`, 400, nil},
		{"/api/restores", `{"project":"shop","service":"db","runn":"x"}`, 400, nil},
		{"/api/restores", `{"project":"shop","service":"db"} {}`, 400, nil},
		{"/api/restores", `{"project":"` + strings.Repeat("x", 70000) + `"}`, 413, nil},
		{"/api/pause", `{}`, 400, nil},
		{"/api/pause", `{"for":"soon"}`, 400, nil},
		{"/api/pause", `{"until":"2020-01-01T00:00:00Z"}`, 400, nil},
	}
	w := newWorld(t)
	w.populate()
	h := w.server().Handler(true)
	for _, tt := range tests {
		t.Run(strings.TrimPrefix(tt.path, "/api/"), func(t *testing.T) {
			w.runner.asked = nil
			rec := ask(t, h, "POST", tt.path, tt.body)
			if rec.Code != tt.code {
				t.Fatalf("got %d %s, want %d", rec.Code, rec.Body, tt.code)
			}
			var asked any
			if len(w.runner.asked) > 0 {
				asked = w.runner.asked[0]
			}
			if diff := cmp.Diff(tt.want, asked); diff != "" {
				t.Errorf("the runner was asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrites_RunnersRefusalsKeepTheirMeaning(t *testing.T) {
	for want, err := range map[int]error{
		404: &runner.NotFoundError{What: "service shop/dbb: no such service; did you mean shop/db?"},
		409: &runner.RefusedError{Why: "job shop/db/default is refused by a problem"},
		500: errors.New("disk on fire"),
	} {
		w := newWorld(t)
		w.runner.err = err
		rec := w.ask(true, "POST", "/api/services/shop/db/run", "")
		if rec.Code != want || !strings.Contains(rec.Body.String(), err.Error()) {
			t.Errorf("got %d %s, want %d", rec.Code, rec.Body, want)
		}
	}
}

func TestWrites_OnlyBackupsArePinned(t *testing.T) {
	w := newWorld(t)
	w.populate()
	h := w.server().Handler(true)
	if rec := ask(t, h, "POST", "/api/runs/"+runID("bd", 0)+"/keep", ""); rec.Code != 409 {
		t.Errorf("a failed run: got %d %s, want 409", rec.Code, rec.Body)
	}
	for verb, want := range map[string]bool{"keep": true} {
		ask(t, h, "POST", "/api/runs/"+runID("sd", 1)+"/"+verb, "")
		run, err := w.store.Run(t.Context(), runID("sd", 1))
		w.must(err)
		if run.Pinned != want {
			t.Errorf("after %s: pinned is %v", verb, run.Pinned)
		}
	}
	ask(t, h, "POST", "/api/runs/"+runID("sd", 1)+"/unpin", "")
	run, err := w.store.Run(t.Context(), runID("sd", 1))
	w.must(err)
	if run.Pinned {
		t.Error("still pinned")
	}
	events, _, err := w.store.Events(t.Context(), store.Filter{Kind: "pin"})
	w.must(err)
	if len(events) != 1 || events[0].Actor != "cli" {
		t.Errorf("events: %+v", events)
	}
}
