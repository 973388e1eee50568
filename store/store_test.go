package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start is the clock of most tests; it can be moved.
var start = time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) time.Time {
	c.at = c.at.Add(d)
	return c.at
}

func openTest(t *testing.T) (*Store, *clock) {
	t.Helper()
	c := &clock{at: start}
	return reopen(t, filepath.Join(t.TempDir(), "record.db"), c), c
}

func reopen(t *testing.T, path string, c *clock) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{Instance: "host", Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func testRun(id, state string, at time.Time) Run {
	return Run{ID: id, Project: "shop", Service: "db", Job: "default", Trigger: "schedule", State: state, QueuedAt: at}
}
