package store

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func fullRun() Run {
	return Run{
		ID: "r1", Instance: "host", Project: "shop", Service: "db", Job: "default", Trigger: "manual", State: Succeeded, Cause: "c", Error: "e",
		Attempt: 2, Strategy: "postgres", Container: "abc", Image: "postgres:17", ImageDigest: "sha256:1", EngineVersion: "17.2",
		ScheduledFor: start, QueuedAt: start.Add(1 * time.Second), StartedAt: start.Add(2 * time.Second), FinishedAt: start.Add(3 * time.Second),
		ReleasedAt: start.Add(2500 * time.Millisecond), RawBytes: 1 << 40, StoredBytes: 1 << 33, RawXXH64: "x", SHA256: "s",
		Proof: json.RawMessage(`{"tables":3}`), Warnings: []string{"a", "b"}, Pinned: true, Quorum: 2, Targets: []string{"local", "s3"},
		HelperStart: 412 * time.Millisecond, Key: "host/shop/db/default/k",
	}
}

func TestRun_ComesBackAsWritten(t *testing.T) {
	s, _ := openTest(t)
	want := fullRun()
	no(t, s.CreateRun(t.Context(), want))
	want.Artifacts = []Artifact{
		{RunID: "r1", Target: "local", Key: "k", Bytes: 5, SHA256: "s", Hash: "md5:x", State: Present, UpdatedAt: start},
		{RunID: "r1", Target: "s3", Key: "k", State: Due, Error: "away", Attempts: 3, NextAttempt: start.Add(time.Minute), UpdatedAt: start},
	}
	for _, a := range want.Artifacts {
		no(t, s.PutArtifact(t.Context(), a))
	}
	got, err := s.Run(t.Context(), "r1")
	no(t, err)
	same(t, "run", want, got)
}

func TestUpdateRun_WritesAllButWhatNeverChanges(t *testing.T) {
	s, _ := openTest(t)
	r := fullRun()
	r.State, r.Pinned = Running, false
	no(t, s.CreateRun(t.Context(), r))
	no(t, s.SetPinned(t.Context(), "r1", true))

	r.State, r.Project, r.Instance, r.QueuedAt, r.Warnings = Failed, "other", "other", time.Time{}, nil
	no(t, s.UpdateRun(t.Context(), r))

	want := fullRun()
	want.State, want.Warnings = Failed, nil
	got, err := s.Run(t.Context(), "r1")
	no(t, err)
	same(t, "run", want, got)
}

func TestRun_UnknownIsNotFound(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.Run(t.Context(), "nope")
	for what, err := range map[string]error{
		"Run":         err,
		"UpdateRun":   s.UpdateRun(t.Context(), testRun("nope", Failed, start)),
		"SetPinned":   s.SetPinned(t.Context(), "nope", true),
		"PutArtifact": s.PutArtifact(t.Context(), Artifact{RunID: "nope", Target: "local", State: Present}),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", what, err)
		}
	}
	if _, err := s.Latest(t.Context(), "shop/db/default"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Latest: got %v, want ErrNotFound", err)
	}
}

func TestCreateRun_RefusesWhatCannotBeFoundAgain(t *testing.T) {
	s, _ := openTest(t)
	if err := s.CreateRun(t.Context(), Run{ID: "r"}); err == nil {
		t.Error("a run without a job was written")
	}
	no(t, s.CreateRun(t.Context(), testRun("r", Queued, start)))
	if err := s.CreateRun(t.Context(), testRun("r", Queued, start)); err == nil {
		t.Error("one id was written twice")
	}
}

func TestLatest_ChoosesByStateAndQueueTime(t *testing.T) {
	s, _ := openTest(t)
	// Ids sort against time on purpose: time decides.
	no(t, s.CreateRun(t.Context(), testRun("z", Succeeded, start)))
	no(t, s.CreateRun(t.Context(), testRun("y", Partial, start.Add(time.Hour))))
	no(t, s.CreateRun(t.Context(), testRun("x", Failed, start.Add(2*time.Hour))))
	other := testRun("w", Succeeded, start.Add(3*time.Hour))
	other.Job = "other"
	no(t, s.CreateRun(t.Context(), other))
	for _, c := range []struct {
		states []string
		want   string
	}{
		{nil, "x"}, {[]string{Succeeded}, "z"}, {[]string{Succeeded, Partial}, "y"}, {[]string{Failed, Succeeded}, "x"},
	} {
		got, err := s.Latest(t.Context(), "shop/db/default", c.states...)
		no(t, err)
		if got.ID != c.want {
			t.Errorf("Latest(%v) = %s, want %s", c.states, got.ID, c.want)
		}
	}
}

func TestInterrupt_SettlesWhatTheLastProcessLeft(t *testing.T) {
	s, c := openTest(t)
	for i, r := range []struct{ id, trigger, state string }{
		{"running", "schedule", Running}, {"waiting", "schedule", Queued}, {"asked", "manual", Queued},
		{"safety", "safety", Queued}, {"done", "schedule", Succeeded}, {"running2", "manual", Running},
	} {
		run := testRun(r.id, r.state, start.Add(time.Duration(i)*time.Second))
		run.Trigger = r.trigger
		no(t, s.CreateRun(t.Context(), run))
	}
	artifact := Artifact{RunID: "running", Target: "local", Key: "k", State: Due, UpdatedAt: start}
	no(t, s.PutArtifact(t.Context(), artifact))
	no(t, s.PutRestore(t.Context(), Restore{ID: "open", State: "running"}))
	no(t, s.PutRestore(t.Context(), Restore{ID: "closed", State: "succeeded", FinishedAt: start}))
	end := c.pass(time.Hour)

	got, _, err := s.Interrupt(t.Context())
	no(t, err)
	if len(got) != 2 || got[0].ID != "running" || got[1].ID != "running2" {
		t.Fatalf("interrupted: %v", got)
	}
	same(t, "artifacts", []Artifact{artifact}, got[0].Artifacts)

	want := map[string]string{"running": Interrupted, "running2": Interrupted, "waiting": Skipped, "asked": Queued, "safety": Skipped, "done": Succeeded}
	runs, _, err := s.Runs(t.Context(), Filter{})
	no(t, err)
	states := map[string]string{}
	for _, r := range runs {
		states[r.ID] = r.State
		if r.State == Interrupted && (r.Cause != "killed" || !r.FinishedAt.Equal(end)) {
			t.Errorf("run %s: cause %q, finished %s", r.ID, r.Cause, r.FinishedAt)
		}
	}
	same(t, "states", want, states)

	queue, err := s.QueuedRuns(t.Context())
	no(t, err)
	if len(queue) != 1 || queue[0].ID != "asked" {
		t.Errorf("queue: %v", queue)
	}
	for id, state := range map[string]string{"open": Interrupted, "closed": "succeeded"} {
		r, err := s.Restore(t.Context(), id)
		no(t, err)
		if r.State != state {
			t.Errorf("restore %s is %s, want %s", id, r.State, state)
		}
	}
	again, _, err := s.Interrupt(t.Context())
	no(t, err)
	if len(again) != 0 {
		t.Errorf("interrupted twice: %v", again)
	}
}
