package status_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

// BenchmarkStatus asks for the summary of a thousand jobs: over TCP, and over the socket, where it is never a kept one.
func BenchmarkStatus(b *testing.B) {
	st, err := store.Open(b.Context(), b.TempDir()+"/record.db", store.Options{Instance: "attic"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	var jobs []store.Job
	for i := range 1000 {
		j := store.Job{Project: fmt.Sprintf("p%03d", i/5), Service: fmt.Sprintf("s%d", i%5), Name: "default", Strategy: "volume", Declared: true}
		j.ID = j.Project + "/" + j.Service + "/" + j.Name
		jobs = append(jobs, j)
	}
	if _, err := st.PutJobs(b.Context(), jobs); err != nil {
		b.Fatal(err)
	}
	for round := range 3 {
		for _, j := range jobs {
			at := time.Now().Add(-time.Duration(round)*time.Hour - 10*time.Minute)
			run := store.Run{ID: store.NewID(), Project: j.Project, Service: j.Service, Job: j.Name, Trigger: "schedule",
				State: store.Succeeded, QueuedAt: at, StartedAt: at, FinishedAt: at.Add(time.Minute), StoredBytes: 1 << 20}
			if err := st.CreateRun(b.Context(), run); err != nil {
				b.Fatal(err)
			}
		}
	}
	s := status.New(status.Config{Store: st, Runner: &still{store: st, health: runner.Health{Ready: true, Healthy: true}}})
	for _, c := range []struct {
		name, path string
		trusted    bool
	}{{"summary", "/api/status", false}, {"page", "/", false}, {"fresh summary", "/api/status", true}, {"fresh page", "/", true}} {
		b.Run(c.name, func(b *testing.B) {
			h, path := s.Handler(c.trusted), c.path
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, http.NoBody))
			for b.Loop() {
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
				if rec.Code != http.StatusOK {
					b.Fatal(rec.Body)
				}
			}
		})
	}
}
