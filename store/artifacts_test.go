package store

import (
	"testing"
	"time"
)

func put(t *testing.T, s *Store, runID, target, state string, bytes int64) {
	t.Helper()
	no(t, s.PutArtifact(t.Context(), Artifact{RunID: runID, Target: target, Key: "k", State: state, Bytes: bytes}))
}

func ids(runs []Run) (all []string) {
	for _, r := range runs {
		all = append(all, r.ID)
	}
	return all
}

func TestPutArtifact_OneRowPerRunAndTarget(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.CreateRun(t.Context(), testRun("r", Running, start)))
	put(t, s, "r", "s3", Due, 0)
	put(t, s, "r", "local", Present, 5)
	put(t, s, "r", "s3", Verified, 5)
	got, err := s.Artifacts(t.Context(), "r")
	no(t, err)
	if len(got) != 2 || got[0].Target != "local" || got[1].State != Verified {
		t.Errorf("artifacts: %+v", got)
	}
}

func TestDueArtifacts_OldestRunsFirst(t *testing.T) {
	s, _ := openTest(t)
	for _, id := range []string{"2", "1", "3"} {
		no(t, s.CreateRun(t.Context(), testRun(id, Partial, start)))
		put(t, s, id, "local", Present, 1)
		put(t, s, id, "s3", Due, 0)
		put(t, s, id, "b2", Failed, 0)
	}
	put(t, s, "3", "s3", Present, 1)
	got, err := s.DueArtifacts(t.Context())
	no(t, err)
	if len(got) != 2 || got[0].RunID != "1" || got[1].RunID != "2" {
		t.Errorf("due: %+v", got)
	}
}

func TestBackups_OnlyWhatCanBeRestored(t *testing.T) {
	s, _ := openTest(t)
	for i, c := range []struct{ id, run, artifact string }{
		{"present", Succeeded, Present}, {"verified", Succeeded, Verified}, {"locked", Partial, Locked}, {"corrupt", Succeeded, Corrupt},
		{"missing", Succeeded, Missing}, {"pruned", Succeeded, Pruned}, {"gone", Partial, ArtifactFailed}, {"due", Partial, Due}, {"failed", Failed, Present}, {"running", Running, Present}, {"interrupted", Interrupted, Present},
	} {
		no(t, s.CreateRun(t.Context(), testRun(c.id, c.run, start.Add(time.Duration(i)*time.Hour))))
		put(t, s, c.id, "local", c.artifact, 1)
		put(t, s, c.id, "s3", Pruned, 1)
	}
	other := testRun("other", Succeeded, start)
	other.Service = "app"
	no(t, s.CreateRun(t.Context(), other))
	put(t, s, "other", "local", Present, 1)

	got, err := s.Backups(t.Context(), "shop/db/default")
	no(t, err)
	same(t, "backups", []string{"locked", "verified", "present"}, ids(got))
	for _, r := range got {
		if len(r.Artifacts) != 2 {
			t.Errorf("run %s has %d artifacts, want all 2", r.ID, len(r.Artifacts))
		}
	}
}

func TestStats_CountsTheWindowAndWhatIsHeldNow(t *testing.T) {
	s, _ := openTest(t)
	states := []string{Succeeded, Partial, Failed, Interrupted, Skipped, Running, Queued}
	for i, state := range states {
		no(t, s.CreateRun(t.Context(), testRun(state, state, start.Add(time.Duration(i)*time.Minute))))
	}
	no(t, s.CreateRun(t.Context(), testRun("old", Failed, start.Add(-time.Hour))))
	put(t, s, "old", "local", Present, 100)
	put(t, s, Succeeded, "local", Present, 10)
	put(t, s, Succeeded, "s3", Verified, 10) // the same run on a second target
	put(t, s, Partial, "local", Pruned, 7)
	quiet := testRun("quiet", Failed, start.Add(-time.Hour))
	quiet.Job = "quiet"
	no(t, s.CreateRun(t.Context(), quiet))

	got, err := s.Stats(t.Context(), start)
	no(t, err)
	same(t, "stats", []JobStats{
		{JobID: "shop/db/default", Runs: 6, Succeeded: 1, Partial: 1, Failed: 2, Skipped: 1, StoredBytes: 110},
		{JobID: "shop/db/quiet"},
	}, got)
}

func TestLatestPerJob_FollowsEveryWrite(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.CreateRun(t.Context(), testRun("1", Succeeded, start)))
	no(t, s.CreateRun(t.Context(), testRun("2", Running, start.Add(time.Hour))))
	check := func(run, success string) {
		t.Helper()
		all, err := s.LatestPerJob(t.Context())
		no(t, err)
		if l := all["shop/db/default"]; len(all) != 1 || l.Run.ID != run || l.Success.ID != success {
			t.Errorf("latest %q, success %q, want %q and %q", l.Run.ID, l.Success.ID, run, success)
		}
	}
	check("2", "1")
	no(t, s.UpdateRun(t.Context(), testRun("2", Succeeded, time.Time{})))
	check("2", "2")
	no(t, s.CreateRun(t.Context(), testRun("0", Failed, start.Add(-time.Hour))))
	check("2", "2")
	no(t, s.UpdateRun(t.Context(), testRun("2", Failed, time.Time{})))
	check("2", "1")
}

func TestPruneHistory_KeepsWhatExistsOrIsOpen(t *testing.T) {
	s, _ := openTest(t)
	old := start.Add(-time.Hour)
	for _, c := range []struct{ id, run, artifact string }{
		{"held", Succeeded, Present}, {"locked", Failed, Locked}, {"due", Partial, Due}, {"waiting", Queued, Pruned}, {"running", Running, Pruned},
		{"pinned", Failed, Pruned}, {"gone", Succeeded, Pruned}, {"failed", Failed, ArtifactFailed}, {"skipped", Skipped, Missing},
	} {
		r := testRun(c.id, c.run, old)
		r.Pinned = c.id == "pinned"
		no(t, s.CreateRun(t.Context(), r))
		put(t, s, c.id, "local", c.artifact, 1)
	}
	no(t, s.CreateRun(t.Context(), testRun("new", Failed, start)))
	only := testRun("only", Failed, old)
	only.Job = "only"
	no(t, s.CreateRun(t.Context(), only))
	no(t, s.PutRestore(t.Context(), Restore{ID: "old", StartedAt: old, FinishedAt: old}))
	no(t, s.PutRestore(t.Context(), Restore{ID: "open", StartedAt: old}))
	no(t, s.AppendEvent(t.Context(), Event{ID: "old", At: old}))
	no(t, s.AppendEvent(t.Context(), Event{ID: "new", At: start}))

	n, err := s.PruneHistory(t.Context(), start)
	no(t, err)
	if n != 4 {
		t.Errorf("deleted %d runs, want 4", n)
	}
	runs, _, err := s.Runs(t.Context(), Filter{})
	no(t, err)
	same(t, "runs", []string{"new", "waiting", "running", "pinned", "locked", "held", "due"}, ids(runs))
	restores, _, err := s.Restores(t.Context(), Filter{})
	no(t, err)
	events, _, err := s.Events(t.Context(), Filter{})
	no(t, err)
	if len(restores) != 1 || restores[0].ID != "open" || len(events) != 1 || events[0].ID != "new" {
		t.Errorf("restores %v, events %v", restores, events)
	}
	latest, err := s.LatestPerJob(t.Context())
	no(t, err)
	if l := latest["shop/db/default"]; len(latest) != 1 || l.Run.ID != "new" || l.Success.ID != "held" {
		t.Errorf("latest: %+v", latest)
	}
	var left int
	no(t, s.read.QueryRow("SELECT count(*) FROM artifacts").Scan(&left))
	if left != 6 {
		t.Errorf("%d artifacts left, want those of the 6 old runs that stay", left)
	}
}

func TestPruneHistory_GoesOnBatchAfterBatch(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.write.Exec(manyRuns, 2*pruneBatch+1, 1, start.Add(-time.Hour).UnixMilli(), 1)
	no(t, err)
	n, err := s.PruneHistory(t.Context(), start)
	no(t, err)
	if n != 2*pruneBatch+1 {
		t.Errorf("deleted %d, want %d", n, 2*pruneBatch+1)
	}
}
