package store

import (
	"errors"
	"testing"
	"time"
)

func TestPutServices_OthersBecomeAbsentAndCanReturn(t *testing.T) {
	s, c := openTest(t)
	db := Service{Project: "shop", Service: "db", Container: "1", Image: "postgres:17", Strategy: "postgres", Stateful: true}
	app := Service{Project: "shop", Service: "app", Container: "2", Image: "app"}
	no(t, s.PutServices(t.Context(), []Service{db, app}))
	later := c.pass(2 * time.Hour)
	no(t, s.PutServices(t.Context(), []Service{db}))

	db.SeenAt, app.SeenAt, app.Absent = later, start, true
	got, err := s.Services(t.Context(), true)
	no(t, err)
	same(t, "with absent", []Service{app, db}, got)
	got, err = s.Services(t.Context(), false)
	no(t, err)
	same(t, "present", []Service{db}, got)

	app.Container, app.SeenAt = "3", time.Time{}
	back := c.pass(time.Second)
	no(t, s.PutServices(t.Context(), []Service{db, app}))
	app.SeenAt, app.Absent = back, false
	got, err = s.Services(t.Context(), false)
	no(t, err)
	same(t, "returned", []Service{app, db}, got)
}

func TestPutServices_UnchangedSetWritesNothing(t *testing.T) {
	s, c := openTest(t)
	db := Service{Project: "shop", Service: "db", Container: "1"}
	no(t, s.PutServices(t.Context(), []Service{db}))
	c.pass(time.Minute)
	no(t, s.PutServices(t.Context(), []Service{db}))
	got, err := s.Services(t.Context(), false)
	no(t, err)
	if !got[0].SeenAt.Equal(start) {
		t.Errorf("written again after a minute: %s", got[0].SeenAt)
	}
}

func TestPutProblems_ThoseThatStayKeepTheirSince(t *testing.T) {
	s, c := openTest(t)
	bad := Problem{Project: "shop", Service: "db", Job: "default", Label: "schedule", Value: "0 2 * *", Why: "four fields", Suggestion: "0 2 * * *", Severity: "problem"}
	warning := Problem{Project: "shop", Service: "app", Why: "same disk", Severity: "warning"}
	no(t, s.PutProblems(t.Context(), []Problem{warning, bad, bad}))
	later := c.pass(time.Hour)
	fresh := Problem{Project: "shop", Service: "db", Label: "target", Value: "s3", Why: "unknown", Severity: "problem"}
	bad.Suggestion = "@daily"
	no(t, s.PutProblems(t.Context(), []Problem{fresh, bad}))

	bad.Since, fresh.Since = start, later
	got, err := s.Problems(t.Context())
	no(t, err)
	same(t, "problems", []Problem{fresh, bad}, got)

	no(t, s.PutProblems(t.Context(), nil))
	if got, err = s.Problems(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("left: %v, %v", got, err)
	}
}

func TestSetting_KeptAndReplaced(t *testing.T) {
	s, c := openTest(t)
	if _, err := s.Setting(t.Context(), "paused_until"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	no(t, s.SetSetting(t.Context(), "paused_until", "a"))
	no(t, s.SetSetting(t.Context(), "paused_until", "b"))
	no(t, s.Close())
	got, err := reopen(t, s.Path(), c).Setting(t.Context(), "paused_until")
	no(t, err)
	if got != "b" {
		t.Errorf("got %q", got)
	}
}
