package store

import (
	"errors"
	"testing"
	"time"
)

func fullGroup() GroupRun {
	return GroupRun{
		ID: "g1", Instance: "host", Project: "shop", Name: "nightly", Trigger: "schedule", State: Failed, Cause: "refused", Error: "e",
		ScheduledFor: start, QueuedAt: start.Add(time.Second), StartedAt: start.Add(2 * time.Second), HeldAt: start.Add(3 * time.Second),
		ReleasedAt: start.Add(4 * time.Second), FinishedAt: start.Add(5 * time.Second), Refused: []string{"shop/x/default"},
		Warnings: []string{"w"},
	}
}

// member is a run of shop/service/default.
func groupMember(id, service, state string) Run {
	r := testRun(id, state, start)
	r.Service = service
	return r
}

func TestGroupRun_IsWrittenWithItsMembersAndReadBackWhole(t *testing.T) {
	s, _ := openTest(t)
	want := fullGroup()
	no(t, s.CreateGroupRun(t.Context(), want, []Run{groupMember("b", "db", Queued), groupMember("a", "app", Queued)}))
	no(t, s.CreateRun(t.Context(), groupMember("alone", "db", Queued)))
	no(t, s.PutArtifact(t.Context(), Artifact{RunID: "a", Target: "local", Key: "k", State: Due, UpdatedAt: start}))
	got, err := s.GroupRun(t.Context(), "g1")
	no(t, err)
	same(t, "group run", want, got)
	members, err := s.GroupMembers(t.Context(), "g1")
	no(t, err)
	if len(members) != 2 || members[0].ID != "a" || members[1].ID != "b" || members[0].GroupRun != "g1" || len(members[0].Artifacts) != 1 {
		t.Errorf("members: %+v", members)
	}
	if none, err := s.GroupMembers(t.Context(), ""); err != nil || len(none) != 0 {
		t.Errorf("runs of no group: %v %v", none, err)
	}

	want.State, want.Cause, want.Error, want.Refused, want.Warnings = Succeeded, "", "", nil, nil
	no(t, s.UpdateGroupRun(t.Context(), want))
	got, err = s.GroupRun(t.Context(), "g1")
	no(t, err)
	same(t, "updated", want, got)
	want.ID = "none"
	if err := s.UpdateGroupRun(t.Context(), want); !errors.Is(err, ErrNotFound) {
		t.Errorf("update of an unknown group run: %v", err)
	}
	if _, err := s.GroupRun(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("read of an unknown group run: %v", err)
	}
}

func TestGroupRun_IsWrittenWhollyOrNotAtAll(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.CreateRun(t.Context(), groupMember("taken", "db", Queued)))
	if err := s.CreateGroupRun(t.Context(), fullGroup(), []Run{groupMember("new", "app", Queued), groupMember("taken", "db", Queued)}); err == nil {
		t.Fatal("a run's id was given twice")
	}
	if _, err := s.GroupRun(t.Context(), "g1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the group run stayed: %v", err)
	}
	if _, err := s.Run(t.Context(), "new"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a member stayed: %v", err)
	}
}

func TestRun_AnUpdateNeverTakesItOutOfItsGroup(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.CreateGroupRun(t.Context(), fullGroup(), []Run{groupMember("a", "app", Queued)}))
	no(t, s.UpdateRun(t.Context(), groupMember("a", "app", Succeeded)))
	if r, err := s.Run(t.Context(), "a"); err != nil || r.GroupRun != "g1" || r.State != Succeeded {
		t.Errorf("%+v %v", r, err)
	}
}

func TestGroupRuns_AreChosenByProjectAndName(t *testing.T) {
	s, _ := openTest(t)
	for i, g := range []GroupRun{
		{ID: "g1", Project: "shop", Name: "nightly"}, {ID: "g2", Project: "shop", Name: "hourly"},
		{ID: "g3", Project: "blog", Name: "nightly"}, {ID: "g4", Project: "shop", Name: "nightly"},
	} {
		g.State, g.Trigger, g.QueuedAt = Succeeded, "schedule", start.Add(time.Duration(i)*time.Minute)
		no(t, s.CreateGroupRun(t.Context(), g, []Run{groupMember("r"+g.ID, "app", Succeeded)}))
	}
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "g4 g3 g2 g1"}, {Filter{Project: "shop"}, "g4 g2 g1"}, {Filter{Project: "shop", Group: "nightly"}, "g4 g1"},
		{Filter{Group: "nightly", Limit: 1}, "g4"}, {Filter{State: Failed}, ""}, {Filter{Since: start.Add(2 * time.Minute)}, "g4 g3"},
	} {
		all, next, err := s.GroupRuns(t.Context(), c.filter)
		no(t, err)
		var got string
		for _, g := range all {
			if got != "" {
				got += " "
			}
			got += g.ID
		}
		if got != c.want || (next != "") != (c.filter.Limit == 1) {
			t.Errorf("%+v: %q (next %q), want %q", c.filter, got, next, c.want)
		}
	}
	if _, _, err := s.GroupRuns(t.Context(), Filter{Service: "db"}); err == nil {
		t.Error("a group run has no service")
	}
	runs, _, err := s.Runs(t.Context(), Filter{GroupRun: "g3"})
	no(t, err)
	if len(runs) != 1 || runs[0].ID != "rg3" {
		t.Errorf("runs of g3: %+v", runs)
	}
}

func TestInterrupt_SettlesGroupsAsOne(t *testing.T) {
	s, c := openTest(t)
	for _, g := range []struct{ id, trigger, state, a, b string }{
		{"running", "manual", Running, Succeeded, Queued}, {"waiting", "schedule", Queued, Queued, Queued}, {"asked", "manual", Queued, Queued, Queued},
	} {
		row := GroupRun{ID: g.id, Project: "shop", Name: g.id, Trigger: g.trigger, State: g.state, QueuedAt: start}
		a, b := groupMember(g.id+"-a", "app", g.a), groupMember(g.id+"-b", "db", g.b)
		a.Trigger, b.Trigger = g.trigger, g.trigger
		no(t, s.CreateGroupRun(t.Context(), row, []Run{a, b}))
	}
	end := c.pass(time.Hour)
	runs, groups, err := s.Interrupt(t.Context())
	no(t, err)
	if len(groups) != 1 || groups[0].ID != "running" || groups[0].State != Interrupted {
		t.Fatalf("interrupted groups: %+v", groups)
	}
	if len(runs) != 1 || runs[0].ID != "running-b" {
		t.Errorf("a member that had not begun goes with its group: %+v", runs)
	}
	for id, want := range map[string]string{"running": Interrupted, "waiting": Skipped, "asked": Queued} {
		g, err := s.GroupRun(t.Context(), id)
		no(t, err)
		if g.State != want || want != Queued && (!g.FinishedAt.Equal(end) || g.Cause != "killed") {
			t.Errorf("%s: %+v, want %s", id, g, want)
		}
	}
	for id, want := range map[string]string{
		"running-a": Succeeded, "running-b": Interrupted, "waiting-a": Skipped, "waiting-b": Skipped, "asked-a": Queued, "asked-b": Queued,
	} {
		if r, err := s.Run(t.Context(), id); err != nil || r.State != want {
			t.Errorf("run %s is %s, want %s (%v)", id, r.State, want, err)
		}
	}
	queue, err := s.QueuedGroups(t.Context())
	no(t, err)
	if len(queue) != 1 || queue[0].ID != "asked" {
		t.Errorf("queue: %+v", queue)
	}
}

func TestPruneHistory_AGroupRunStaysAsLongAsOneOfItsRuns(t *testing.T) {
	s, c := openTest(t)
	gone, kept := fullGroup(), fullGroup()
	gone.ID, kept.ID = "gone", "kept"
	no(t, s.CreateGroupRun(t.Context(), gone, []Run{groupMember("a", "app", Failed)}))
	no(t, s.CreateGroupRun(t.Context(), kept, []Run{groupMember("b", "app", Succeeded), groupMember("c", "db", Failed)}))
	no(t, s.PutArtifact(t.Context(), Artifact{RunID: "b", Target: "local", Key: "k", State: Present, UpdatedAt: start}))
	n, err := s.PruneHistory(t.Context(), c.pass(48*time.Hour))
	no(t, err)
	if n != 2 {
		t.Errorf("%d runs were deleted, want 2", n)
	}
	if _, err := s.GroupRun(t.Context(), "gone"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a group run without runs stayed: %v", err)
	}
	if _, err := s.GroupRun(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
}

func TestRestore_PartsAreListedInTheirOrder(t *testing.T) {
	s, _ := openTest(t)
	whole := Restore{ID: "w", GroupRun: "g1", Project: "shop", ToProject: "shop", State: Running, StartedAt: start}
	no(t, s.PutRestore(t.Context(), whole))
	for _, id := range []string{"p1", "p2"} {
		no(t, s.PutRestore(t.Context(), Restore{ID: id, RunID: "r" + id, PartOf: "w", Project: "shop", State: Queued, StartedAt: start}))
	}
	got, err := s.Restore(t.Context(), "w")
	no(t, err)
	same(t, "whole", whole, got)
	parts, err := s.RestoreParts(t.Context(), "w")
	no(t, err)
	if len(parts) != 2 || parts[0].ID != "p1" || parts[1].PartOf != "w" {
		t.Errorf("parts: %+v", parts)
	}
}
