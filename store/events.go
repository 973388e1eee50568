package store

import (
	"context"
	"fmt"
	"time"
)

const eventColumns = "id, at, actor, kind, project, service, job, run_id, text, data"

func scanEvent(row scanner) (e Event, err error) {
	return e, row.Scan(&e.ID, timeColumn{&e.At}, &e.Actor, &e.Kind, &e.Project, &e.Service, &e.Job, &e.RunID, &e.Text, rawColumn{&e.Data})
}

// AppendEvent adds a line to the feed. An empty ID is made here, in the order of the calls; a zero At is now. Lines are
// never changed.
func (s *Store) AppendEvent(ctx context.Context, e Event) error {
	e.At = orNow(e.At, s.now())
	if e.ID == "" {
		e.ID = s.events.next(s.now())
	}
	_, err := s.exec(ctx, "write event "+e.Kind, "INSERT INTO events (instance, "+eventColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.instance, e.ID, millis(e.At), e.Actor, e.Kind, e.Project, e.Service, e.Job, e.RunID, e.Text, raw(e.Data))
	return err
}

// Events lists the feed, newest first, and the cursor of the next page.
func (s *Store) Events(ctx context.Context, f Filter) ([]Event, string, error) {
	query, args, err := f.events()
	if err != nil {
		return nil, "", s.fail("list events", err)
	}
	all, err := collect(ctx, s.read, scanEvent, query, args...)
	if err != nil {
		return nil, "", s.fail("list events", err)
	}
	events, next := page(all, f.limit(), func(e Event) (time.Time, string) { return e.At, e.ID })
	return events, next, nil
}

func (f Filter) events() (string, []any, error) {
	if f.Trigger != "" || f.State != "" {
		return "", nil, fmt.Errorf("an event has no state or trigger (%q)", f.State+f.Trigger)
	}
	return f.list(eventColumns, "events", "at")
}
