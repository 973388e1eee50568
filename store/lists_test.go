package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRuns_EveryFilterAlone(t *testing.T) {
	s, _ := openTest(t)
	for i, r := range []Run{
		{ID: "a", Project: "shop", Service: "db", Job: "default", Trigger: "schedule", State: Succeeded},
		{ID: "b", Project: "shop", Service: "db", Job: "hourly", Trigger: "manual", State: Failed},
		{ID: "c", Project: "shop", Service: "app", Job: "default", Trigger: "schedule", State: Failed},
		{ID: "d", Project: "blog", Service: "db", Job: "default", Trigger: "safety", State: Succeeded},
	} {
		r.QueuedAt = start.Add(time.Duration(i) * time.Hour)
		no(t, s.CreateRun(t.Context(), r))
	}
	put(t, s, "a", "local", Present, 1)
	for _, c := range []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"none", Filter{}, []string{"d", "c", "b", "a"}},
		{"project", Filter{Project: "shop"}, []string{"c", "b", "a"}},
		{"service", Filter{Service: "db"}, []string{"d", "b", "a"}},
		{"job", Filter{Project: "shop", Service: "db", Job: "default"}, []string{"a"}},
		{"state", Filter{State: Failed}, []string{"c", "b"}},
		{"trigger", Filter{Trigger: "manual"}, []string{"b"}},
		{"since is inclusive", Filter{Since: start.Add(2 * time.Hour)}, []string{"d", "c"}},
		{"until is not", Filter{Until: start.Add(2 * time.Hour)}, []string{"b", "a"}},
		{"limit", Filter{Limit: 1}, []string{"d"}},
		{"nothing", Filter{Project: "x"}, nil},
		{"not a query", Filter{Project: "' OR 1=1 --"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := s.Runs(t.Context(), c.filter)
			no(t, err)
			same(t, "runs", c.want, ids(got))
			for _, r := range got {
				if want := r.ID == "a"; want != (len(r.Artifacts) == 1) {
					t.Errorf("run %s has %d artifacts", r.ID, len(r.Artifacts))
				}
			}
		})
	}
}

func TestRuns_CursorShowsEachRowOnceWhileNewOnesCome(t *testing.T) {
	s, _ := openTest(t)
	var want []string
	for i := range 25 {
		// Three runs share each moment, so that the id has to part them.
		id := fmt.Sprintf("%02d", i)
		no(t, s.CreateRun(t.Context(), testRun(id, Succeeded, start.Add(time.Duration(i/3)*time.Second))))
		want = append([]string{id}, want...)
	}
	var got []string
	f := Filter{Project: "shop", Limit: 4}
	for pages := 0; ; pages++ {
		runs, next, err := s.Runs(t.Context(), f)
		no(t, err)
		got = append(got, ids(runs)...)
		if next == "" {
			break
		}
		if pages > 10 {
			t.Fatal("the pages never end")
		}
		no(t, s.CreateRun(t.Context(), testRun(fmt.Sprint("new", pages), Queued, start.Add(time.Hour))))
		f.Cursor = next
	}
	same(t, "runs", want, got)
}

func TestRuns_LimitIsBounded(t *testing.T) {
	s, _ := openTest(t)
	_, err := s.write.Exec(manyRuns, maxLimit+5, 1, start.UnixMilli(), 1000)
	no(t, err)
	for limit, want := range map[int]int{0: defaultLimit, -1: defaultLimit, 7: 7, 1 << 30: maxLimit} {
		runs, next, err := s.Runs(t.Context(), Filter{Limit: limit})
		no(t, err)
		if len(runs) != want || next == "" {
			t.Errorf("limit %d: %d runs, next %q", limit, len(runs), next)
		}
	}
}

func TestLists_RefuseWhatTheyCannotChooseBy(t *testing.T) {
	s, _ := openTest(t)
	for _, cursor := range []string{"x", ".", "zz.", "!.a", "99999999999999999999.a"} {
		if _, _, err := s.Runs(t.Context(), Filter{Cursor: cursor}); !errors.Is(err, ErrBadCursor) {
			t.Errorf("cursor %q: got %v, want ErrBadCursor", cursor, err)
		}
	}
	_, _, runs := s.Runs(t.Context(), Filter{Kind: "x"})
	_, _, restores := s.Restores(t.Context(), Filter{Trigger: "x"})
	_, _, events := s.Events(t.Context(), Filter{State: "x"})
	if runs == nil || restores == nil || events == nil {
		t.Errorf("a filter was passed over: %v, %v, %v", runs, restores, events)
	}
}

func TestRestores_ComeBackAsWrittenAndCanBeReplaced(t *testing.T) {
	s, _ := openTest(t)
	want := Restore{
		ID: "x", RunID: "r", Key: "k", Source: "local", Project: "shop", Service: "db", Job: "default", ToProject: "test", ToService: "db2",
		State: "failed", Error: "e", SafetyRun: "s", StartedAt: start, FinishedAt: start.Add(time.Second), RawBytes: 9,
		Proof: json.RawMessage(`{"rows":1}`), Differences: []string{"one", "two"},
	}
	first := want
	first.State, first.FinishedAt = "running", time.Time{}
	no(t, s.PutRestore(t.Context(), first))
	no(t, s.PutRestore(t.Context(), want))
	got, err := s.Restore(t.Context(), "x")
	no(t, err)
	same(t, "restore", want, got)
	no(t, s.PutRestore(t.Context(), Restore{ID: "y", Project: "blog", StartedAt: start.Add(time.Hour)}))
	list, next, err := s.Restores(t.Context(), Filter{Project: "shop", State: "failed"})
	no(t, err)
	same(t, "restores", []Restore{want}, list)
	if next != "" {
		t.Errorf("next %q", next)
	}
	if _, err := s.Restore(t.Context(), "z"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestJournal_OldestFirstAndGoneOnceRemoved(t *testing.T) {
	s, c := openTest(t)
	late := Entry{ID: "a", Kind: "paused", Project: "shop", Service: "db", Container: "c1", RunID: "r", Was: "running", Data: json.RawMessage(`{}`), At: start.Add(time.Hour)}
	early := Entry{ID: "b", Kind: "stopped", Container: "c2", Was: "running"}
	no(t, s.AddJournal(t.Context(), late))
	no(t, s.AddJournal(t.Context(), early))
	early.At, early.Data = start, json.RawMessage(`{"moved":3}`)
	no(t, s.AddJournal(t.Context(), early))
	no(t, s.Close())
	s = reopen(t, s.Path(), c)
	got, err := s.Journal(t.Context())
	no(t, err)
	same(t, "journal", []Entry{early, late}, got)
	no(t, s.RemoveJournal(t.Context(), "b"))
	no(t, s.RemoveJournal(t.Context(), "b"))
	got, err = s.Journal(t.Context())
	no(t, err)
	same(t, "journal", []Entry{late}, got)
	if err := s.AddJournal(t.Context(), Entry{Kind: "stopped"}); err == nil {
		t.Error("an entry that cannot be removed was written")
	}
}

func TestEvents_KeepTheOrderOfTheCalls(t *testing.T) {
	s, c := openTest(t)
	for i := range 20 { // all in one millisecond
		no(t, s.AppendEvent(t.Context(), Event{Actor: "runner", Kind: "run", Project: "shop", Text: fmt.Sprint(i), Data: json.RawMessage(`1`)}))
	}
	c.pass(time.Second)
	no(t, s.AppendEvent(t.Context(), Event{Kind: "label", Project: "blog", Text: "20"}))
	var got []string
	for f := (Filter{Limit: 6}); ; {
		events, next, err := s.Events(t.Context(), f)
		no(t, err)
		for _, e := range events {
			got = append(got, e.Text)
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	for i, text := range got {
		if text != fmt.Sprint(20-i) {
			t.Fatalf("order: %v", got)
		}
	}
	events, _, err := s.Events(t.Context(), Filter{Kind: "label"})
	no(t, err)
	if len(events) != 1 || events[0].Project != "blog" || len(events[0].ID) != 16 {
		t.Errorf("events: %+v", events)
	}
}
