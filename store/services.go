package store

import (
	"context"
	"database/sql"
	"time"
)

// seenEvery is how old the kept "seen at" of a service that does not change may be: it saves a write per service and event.
const seenEvery = time.Hour

const serviceColumns = "project, service, container, image, strategy, stateful, seen_at, absent"

func scanService(row scanner) (v Service, err error) {
	return v, row.Scan(&v.Project, &v.Service, &v.Container, &v.Image, &v.Strategy, &v.Stateful, timeColumn{&v.SeenAt}, &v.Absent)
}

// PutServices replaces the set of those that are there; the others become absent and keep the time they were last seen.
func (s *Store) PutServices(ctx context.Context, present []Service) error {
	now := s.now()
	return s.tx(ctx, "write services", func(tx *sql.Tx) error {
		kept, err := collect(ctx, tx, scanService, "SELECT "+serviceColumns+" FROM services")
		if err != nil {
			return err
		}
		gone := make(map[[2]string]Service, len(kept))
		for _, k := range kept {
			gone[[2]string{k.Project, k.Service}] = k
		}
		for _, v := range present {
			key := [2]string{v.Project, v.Service}
			v.SeenAt, v.Absent = orNow(v.SeenAt, now), false
			was, known := gone[key]
			delete(gone, key)
			if known && sameService(was, v) {
				continue
			}
			if err := s.putService(ctx, tx, v); err != nil {
				return err
			}
		}
		for _, v := range gone {
			if v.Absent {
				continue
			}
			v.Absent = true
			if err := s.putService(ctx, tx, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameService(was, is Service) bool {
	if is.SeenAt.Sub(was.SeenAt).Abs() < seenEvery {
		was.SeenAt = is.SeenAt
	}
	return was == is
}

func (s *Store) putService(ctx context.Context, tx *sql.Tx, v Service) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO services (instance, "+serviceColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.instance, v.Project, v.Service, v.Container, v.Image, v.Strategy, v.Stateful, millis(v.SeenAt), v.Absent)
	return err
}

// Services lists what was seen, by project and service; those that are gone too if asked for.
func (s *Store) Services(ctx context.Context, includeAbsent bool) ([]Service, error) {
	all, err := collect(ctx, s.read, scanService,
		"SELECT "+serviceColumns+" FROM services WHERE absent = 0 OR ? ORDER BY project, service", includeAbsent)
	return all, s.fail("read services", err)
}
