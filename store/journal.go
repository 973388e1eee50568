package store

import (
	"context"
	"errors"
)

const journalColumns = "id, kind, project, service, container, run_id, was, data, at"

func scanEntry(row scanner) (e Entry, err error) {
	return e, row.Scan(&e.ID, &e.Kind, &e.Project, &e.Service, &e.Container, &e.RunID, &e.Was, rawColumn{&e.Data}, timeColumn{&e.At})
}

// AddJournal notes what is about to be changed; once it returned, the note survives a power cut. An entry with the same
// id is replaced, so that a restore can note how far it is. A zero At is now.
func (s *Store) AddJournal(ctx context.Context, e Entry) error {
	if e.ID == "" {
		return s.fail("write the journal", errors.New("an entry needs an id"))
	}
	e.At = orNow(e.At, s.now())
	_, err := s.exec(ctx, "write journal entry "+e.ID, "INSERT OR REPLACE INTO journal (instance, "+journalColumns+
		") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", s.instance, e.ID, e.Kind, e.Project, e.Service, e.Container, e.RunID, e.Was, raw(e.Data), millis(e.At))
	return err
}

// RemoveJournal takes an entry away once all is as it was. An entry that is not there is no error.
func (s *Store) RemoveJournal(ctx context.Context, id string) error {
	_, err := s.exec(ctx, "remove journal entry "+id, "DELETE FROM journal WHERE id = ?", id)
	return err
}

// Journal lists what is still to be put back, oldest first.
func (s *Store) Journal(ctx context.Context) ([]Entry, error) {
	all, err := collect(ctx, s.read, scanEntry, "SELECT "+journalColumns+" FROM journal ORDER BY at, id")
	return all, s.fail("read the journal", err)
}
