package store

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func job(name, fingerprint string) Job {
	return Job{
		ID: "shop/db/" + name, Project: "shop", Service: "db", Name: name, Strategy: "postgres", Fingerprint: fingerprint,
		Spec: json.RawMessage(`{"schedule":"0 2 * * *"}`),
	}
}

func TestPutJobs_NewJobBeginsNow(t *testing.T) {
	s, _ := openTest(t)
	j := job("default", "1")
	j.NextRun = start.Add(time.Hour)
	changes, err := s.PutJobs(t.Context(), []Job{j})
	no(t, err)
	same(t, "changes", JobChanges{Added: []string{j.ID}}, changes)

	j.Declared, j.FirstSeen, j.DeclaredAt, j.LastTick = true, start, start, start
	got, err := s.Job(t.Context(), j.ID)
	no(t, err)
	same(t, "job", j, got)
}

func TestPutJobs_SameAgainChangesNothing(t *testing.T) {
	s, c := openTest(t)
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1")})
	no(t, err)
	before, err := s.Job(t.Context(), "shop/db/default")
	no(t, err)
	c.pass(time.Hour)
	changes, err := s.PutJobs(t.Context(), []Job{job("default", "1")})
	no(t, err)
	if !changes.Empty() {
		t.Errorf("changes: %+v", changes)
	}
	after, err := s.Job(t.Context(), "shop/db/default")
	no(t, err)
	same(t, "job", before, after)
}

func TestPutJobs_ChangedLabelsKeepTheTimes(t *testing.T) {
	s, c := openTest(t)
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1")})
	no(t, err)
	no(t, s.SetTick(t.Context(), "shop/db/default", start.Add(time.Minute), start.Add(time.Hour)))
	c.pass(time.Hour)
	changed := job("default", "2")
	changed.Refused = true
	changes, err := s.PutJobs(t.Context(), []Job{changed})
	no(t, err)
	same(t, "changes", JobChanges{Changed: []string{"shop/db/default"}}, changes)
	got, err := s.Job(t.Context(), "shop/db/default")
	no(t, err)
	changed.Declared, changed.FirstSeen, changed.DeclaredAt = true, start, start
	changed.LastTick, changed.NextRun = start.Add(time.Minute), start.Add(time.Hour)
	same(t, "job", changed, got)
}

func TestPutJobs_AbsentJobIsRememberedAndItsAbsenceNotCaughtUp(t *testing.T) {
	s, c := openTest(t)
	id := "shop/db/default"
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1"), job("other", "1")})
	no(t, err)
	no(t, s.SetTick(t.Context(), id, start, start.Add(time.Hour)))
	no(t, s.CreateRun(t.Context(), testRun("r", Succeeded, start)))

	gone := c.pass(30 * time.Minute)
	changes, err := s.PutJobs(t.Context(), []Job{job("other", "1")})
	no(t, err)
	same(t, "changes", JobChanges{Absent: []string{id}}, changes)
	declared, err := s.Jobs(t.Context(), false)
	no(t, err)
	all, err := s.Jobs(t.Context(), true)
	no(t, err)
	if len(declared) != 1 || len(all) != 2 {
		t.Errorf("%d declared, %d in all", len(declared), len(all))
	}
	j, err := s.Job(t.Context(), id)
	no(t, err)
	if j.Declared || !j.AbsentSince.Equal(gone) || !j.NextRun.IsZero() {
		t.Errorf("absent job: %+v", j)
	}
	c.pass(time.Hour)
	changes, err = s.PutJobs(t.Context(), []Job{job("other", "1")})
	no(t, err)
	if again, err := s.Job(t.Context(), id); err != nil || !changes.Empty() || !again.AbsentSince.Equal(gone) {
		t.Errorf("absent twice: %+v, %+v, %v", changes, again, err)
	}

	back := c.pass(240 * time.Hour)
	changes, err = s.PutJobs(t.Context(), []Job{job("default", "2"), job("other", "1")})
	no(t, err)
	same(t, "changes", JobChanges{Returned: []string{id}}, changes)
	j, err = s.Job(t.Context(), id)
	no(t, err)
	if !j.Declared || !j.AbsentSince.IsZero() || !j.LastTick.Equal(back) || !j.FirstSeen.Equal(start) || !j.LastSuccess.Equal(start) {
		t.Errorf("returned job: %+v", j)
	}
}

func TestForgetJob_DropsAbsentJobsAndNoOthers(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1"), job("other", "1")})
	no(t, err)
	no(t, s.CreateRun(t.Context(), testRun("r", Succeeded, start)))
	_, err = s.PutJobs(t.Context(), []Job{job("other", "1")})
	no(t, err)
	no(t, s.ForgetJob(t.Context(), "shop/db/default"))
	no(t, s.ForgetJob(t.Context(), "shop/db/other")) // declared
	all, err := s.Jobs(t.Context(), true)
	no(t, err)
	if len(all) != 1 || all[0].ID != "shop/db/other" {
		t.Errorf("left: %+v", all)
	}
	if _, err := s.Run(t.Context(), "r"); err != nil {
		t.Errorf("its run: %v", err)
	}
}

func TestSetTick_ForgetsNoTickAndKnowsItsJob(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1")})
	no(t, err)
	last := start.Add(time.Hour)
	no(t, s.SetTick(t.Context(), "shop/db/default", last, last.Add(time.Hour)))
	no(t, s.SetTick(t.Context(), "shop/db/default", time.Time{}, time.Time{}))
	j, err := s.Job(t.Context(), "shop/db/default")
	no(t, err)
	if !j.LastTick.Equal(last) || !j.NextRun.IsZero() {
		t.Errorf("last %s, next %s", j.LastTick, j.NextRun)
	}
	if err := s.SetTick(t.Context(), "a/b/c", last, last); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestUpdateRun_KeepsTheJobsLastSuccess(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.PutJobs(t.Context(), []Job{job("default", "1")})
	no(t, err)
	for i, state := range []string{Succeeded, Partial, Failed} {
		r := testRun(state, Running, start.Add(time.Duration(i)*time.Hour))
		no(t, s.CreateRun(t.Context(), r))
		r.State, r.FinishedAt = state, r.QueuedAt.Add(time.Minute)
		no(t, s.UpdateRun(t.Context(), r))
	}
	j, err := s.Job(t.Context(), "shop/db/default")
	no(t, err)
	if want := start.Add(time.Minute); !j.LastSuccess.Equal(want) {
		t.Errorf("last success %s, want %s: a partial run is none", j.LastSuccess, want)
	}
}
