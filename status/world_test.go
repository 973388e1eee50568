package status_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const secret = "hunter2-do-not-show"

// world is a real record with a history, and a runner that has no engine.
type world struct {
	t      *testing.T
	store  *store.Store
	runner *still
	cfg    status.Config
}

// still is a runner without an engine: it records what it is asked for and answers from what a test set.
type still struct {
	store    *store.Store
	plan     runner.Plan
	view     runner.PlanView
	health   runner.Health
	progress map[string]runner.Progress
	asked    []any
	err      error
	paused   time.Time
	started  []string // what Trigger says that it queued, when a test set it
}

func (s *still) Snapshot() runner.Plan                             { return s.plan }
func (s *still) PlanView(context.Context) (runner.PlanView, error) { return s.view, s.err }
func (s *still) Health(context.Context) runner.Health {
	h := s.health
	if !s.paused.IsZero() {
		h.Paused = s.paused.Format(time.RFC3339)
	}
	return h
}

func (s *still) Progress(id string) (runner.Progress, bool) {
	p, ok := s.progress[id]
	return p, ok
}

func (s *still) Trigger(ctx context.Context, req runner.RunRequest) ([]string, error) {
	s.asked = append(s.asked, req)
	if s.err != nil || s.started != nil {
		return s.started, s.err
	}
	run := store.Run{
		ID: store.NewID(), Project: req.Project, Service: cmp.Or(req.Service, "db"), Job: cmp.Or(req.Job, "default"), Trigger: "manual",
		State: store.Queued, QueuedAt: noon, Pinned: req.Keep,
	}
	return []string{run.ID}, s.store.CreateRun(ctx, run)
}

func (s *still) StartRestore(_ context.Context, req runner.RestoreRequest) (string, error) {
	s.asked = append(s.asked, req)
	return "restore-1", s.err
}

func (s *still) PlanRestore(_ context.Context, req runner.RestoreRequest) (runner.RestorePlan, error) {
	s.asked = append(s.asked, req)
	return runner.RestorePlan{RunID: req.RunID, To: req.Project + "/" + req.Service}, s.err
}

func (s *still) StartGroupRestore(_ context.Context, req runner.GroupRestoreRequest) (string, error) {
	s.asked = append(s.asked, req)
	return "restore-1", s.err
}

func (s *still) PlanGroupRestore(_ context.Context, req runner.GroupRestoreRequest) (runner.GroupRestorePlan, error) {
	s.asked = append(s.asked, req)
	return runner.GroupRestorePlan{GroupRun: req.GroupRun}, s.err
}

func (s *still) Prune(_ context.Context, jobID string, absent, dryRun bool) ([]runner.PruneResult, error) {
	s.asked = append(s.asked, status.PruneRequest{Job: jobID, Absent: absent, DryRun: dryRun})
	return nil, s.err
}

func (s *still) Adopt(_ context.Context, target string) error {
	s.asked = append(s.asked, target)
	return s.err
}

func (s *still) Pause(_ context.Context, until time.Time) error {
	s.paused = until
	return s.err
}

func (s *still) Resume(context.Context) error {
	s.paused = time.Time{}
	return s.err
}
func (s *still) PausedUntil() time.Time { return s.paused }

// shelf is a target that answers or does not.
type shelf struct {
	name  string
	local bool
	err   error
}

func (s shelf) Name() string                              { return s.name }
func (s shelf) Local() bool                               { return s.local }
func (s shelf) Check(context.Context) error               { return s.err }
func (s shelf) Free(context.Context) (int64, bool, error) { return 64 << 30, s.local, nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"),
		store.Options{Instance: "attic", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	r := &still{store: st, health: runner.Health{Ready: true, Healthy: true}, progress: map[string]runner.Progress{}}
	return &world{t: t, store: st, runner: r, cfg: status.Config{
		Runner: r, Store: st, Version: "1.2.3", Logger: zerolog.Nop(), Now: func() time.Time { return noon },
		Targets: []status.Target{shelf{name: "local", local: true}, shelf{name: "offsite", err: io.ErrUnexpectedEOF}},
	}}
}

func (w *world) server() *status.Server { return status.New(w.cfg) }

// ask sends one request to a fresh server.
func (w *world) ask(trusted bool, method, path, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	return ask(w.t, w.server().Handler(trusted), method, path, body, header...)
}

func ask(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// put records one run of a job with its artifacts.
func (w *world) put(job, id, state string, age, took time.Duration, stored int64, change func(*store.Run)) {
	w.t.Helper()
	parts := strings.SplitN(job, "/", 3)
	begun := noon.Add(-age)
	run := store.Run{
		ID: id, Instance: "attic", Project: parts[0], Service: parts[1], Job: parts[2], Trigger: "schedule", State: store.Queued,
		Attempt: 1, QueuedAt: begun, ScheduledFor: begun, Strategy: "postgres", Quorum: 1, Targets: []string{"local"},
		Container: parts[0] + "-" + parts[1] + "-1", Image: "postgres:17",
	}
	w.must(w.store.CreateRun(w.t.Context(), run))
	run.State, run.StartedAt = state, begun.Add(time.Second)
	if state != store.Running && state != store.Queued {
		run.FinishedAt = run.StartedAt.Add(took)
	}
	if state == store.Succeeded || state == store.Partial {
		run.RawBytes, run.StoredBytes, run.SHA256, run.RawXXH64 = stored*4, stored, strings.Repeat("ab", 32), "0123456789abcdef"
		run.Proof = json.RawMessage(`{"format":"pg_dump","tables":12,"rows":1048576}`)
	}
	if change != nil {
		change(&run)
	}
	w.must(w.store.UpdateRun(w.t.Context(), run))
	if run.StoredBytes > 0 {
		w.must(w.store.PutArtifact(w.t.Context(), store.Artifact{
			RunID: id, Target: "local", Key: "attic/" + job + "/20261121T020000Z-" + id + ".sql.zst", Bytes: stored,
			SHA256: run.SHA256, Hash: "md5:0cc175b9c0f1b6a831c399e269772661", State: store.Present, Attempts: 1, UpdatedAt: run.FinishedAt,
		}))
	}
}

// populate makes a small house: a shop that is well, a blog in trouble, and a container nobody protects.
func (w *world) populate() {
	w.t.Helper()
	ctx := w.t.Context()
	service := func(project, name, image string) labels.Service {
		return labels.Service{
			Identity: labels.Identity{Project: project, Service: name}, Stateful: true,
			Container: labels.Container{Name: project + "-" + name + "-1", Image: image, Mounts: []labels.Mount{
				{Type: "volume", Name: project + "_" + name, Destination: "/data", ReadWrite: true},
			}},
			Replicas: []labels.Container{{}},
		}
	}
	job := func(project, name, job, strategy, spec string, rpo time.Duration) labels.Job {
		sched, err := labels.ParseSchedule(spec, "UTC", time.Minute)
		w.must(err)
		return labels.Job{
			Identity: labels.Identity{Project: project, Service: name}, Name: job, Strategy: strategy, Schedule: sched,
			Targets: []string{"local", "offsite"}, Quorum: 2, RPO: rpo,
		}
	}
	plan := runner.Plan{At: noon, Jobs: []labels.Job{
		job("blog", "db", "default", "postgres", "0 3 * * *", 26*time.Hour),
		job("blog", "uploads", "default", "volume", "30 3 * * *", 0),
		job("shop", "db", "default", "postgres", "0 2 * * *", 26*time.Hour),
		job("shop", "db", "hourly", "postgres", "@hourly", 0),
		job("shop", "files", "default", "volume", "15 2 * * *", 0),
	}}
	for _, s := range []labels.Service{
		service("_", "registry", "registry:2"), service("blog", "db", "postgres:16"), service("blog", "uploads", "nginx:1.29"),
		service("shop", "db", "postgres:17"), service("shop", "files", "shop-app:dev"), service("shop", "cache", "redis:7"),
	} {
		if s.Service == "registry" {
			s.Suggested = []string{"volume: it keeps a volume at /data"}
		}
		if s.Service == "cache" {
			s.Problems = []labels.Problem{{Identity: s.Identity, Label: "simpledeploy.backup.strategy", Value: "redis"}}
		}
		plan.Services = append(plan.Services, s)
	}
	w.runner.plan = plan
	rows := []store.Job{{ID: "old/wiki/default", Project: "old", Service: "wiki", Name: "default", Strategy: "volume"}}
	_, err := w.store.PutJobs(ctx, rows)
	w.must(err)
	rows = rows[:0]
	for i, j := range plan.Jobs {
		rows = append(rows, store.Job{
			ID: j.ID(), Project: j.Project, Service: j.Service, Name: j.Name, Strategy: j.Strategy, Declared: true,
			NextRun: noon.Add(time.Duration(i+1) * 37 * time.Minute),
		})
	}
	rows = append(rows, store.Job{ID: "shop/cache/default", Project: "shop", Service: "cache", Name: "default", Declared: true, Refused: true})
	_, err = w.store.PutJobs(ctx, rows)
	w.must(err)
	w.must(w.store.PutProblems(ctx, []store.Problem{
		{Project: "shop", Service: "cache", Label: "simpledeploy.backup.strategy", Value: "redis", Severity: "problem",
			Why: "strategy redis is not available in this version", Suggestion: "use strategy=volume with quiesce=stop meanwhile"},
		{Project: "blog", Service: "uploads", Job: "default", Severity: "warning",
			Why: "the target is on the same disk as the data", Suggestion: "name a second target: target=local,offsite"},
	}))
	w.history()
}

func (w *world) history() {
	day := 24 * time.Hour
	for i := range 12 {
		age := time.Duration(i) * day
		w.put("shop/db/default", runID("sd", i), store.Succeeded, age+10*time.Hour, 83*time.Second, 412<<20+int64(i)<<17, nil)
		w.put("shop/files/default", runID("sf", i), store.Succeeded, age+9*time.Hour+45*time.Minute, 4*time.Minute, 2<<30, nil)
		state, change := store.Succeeded, func(*store.Run) {}
		if i < 2 || i == 6 {
			state, change = store.Failed, func(r *store.Run) {
				r.Cause, r.Error = "dump", "dump postgres of blog/db: pg_dump exited 1: FATAL: password authentication failed for user \"blog\""
			}
		}
		w.put("blog/db/default", runID("bd", i), state, age+9*time.Hour, 21*time.Second, 38<<20, change)
	}
	w.put("blog/uploads/default", runID("bu", 1), store.Partial, 8*time.Hour+30*time.Minute, 92*time.Second, 780<<20, func(r *store.Run) {
		r.Cause, r.Error = "target", "copy to offsite: dial tcp 203.0.113.7:443: i/o timeout"
	})
	w.must(w.store.PutArtifact(w.t.Context(), store.Artifact{
		RunID: runID("bu", 1), Target: "offsite", Key: "attic/blog/uploads/default/x.tar.zst", State: store.Due, Attempts: 3,
		Error: "dial tcp 203.0.113.7:443: i/o timeout", NextAttempt: noon.Add(5 * time.Minute),
	}))
	w.put("shop/db/hourly", runID("sh", 2), store.Skipped, time.Hour, 0, 0, func(r *store.Run) { r.Cause = "busy" })
	w.put("shop/db/hourly", runID("sh", 1), store.Running, 30*time.Second, 0, 0, func(r *store.Run) { r.Trigger = "manual" })
	w.runner.progress[runID("sh", 1)] = runner.Progress{
		Phase: "dumping", RawBytes: 700 << 20, StoredBytes: 170 << 20, ExpectedBytes: 1650 << 20, Since: noon.Add(-30 * time.Second),
	}
}

// runID makes ids that sort as real ones do: the newer, the larger.
func runID(of string, age int) string { return "0k9z" + string(rune('z'-age)) + "00000000" + of + "0" }
