package store

import (
	"context"
	"database/sql"
	"time"
)

const problemColumns = "project, service, job, label, value, why, severity, suggestion, since"

func scanProblem(row scanner) (p Problem, err error) {
	return p, row.Scan(&p.Project, &p.Service, &p.Job, &p.Label, &p.Value, &p.Why, &p.Severity, &p.Suggestion, timeColumn{&p.Since})
}

// PutProblems replaces all problems and warnings. One that was there already keeps its Since; a new one gets now.
func (s *Store) PutProblems(ctx context.Context, all []Problem) error {
	now := s.now()
	return s.tx(ctx, "write problems", func(tx *sql.Tx) error {
		kept, err := collect(ctx, tx, scanProblem, "SELECT "+problemColumns+" FROM problems")
		if err != nil {
			return err
		}
		gone := make(map[Problem]Problem, len(kept))
		for _, k := range kept {
			gone[problemKey(k)] = k
		}
		seen := make(map[Problem]bool, len(all))
		for _, p := range all {
			key := problemKey(p)
			was, known := gone[key]
			delete(gone, key)
			if seen[key] || known && was.Suggestion == p.Suggestion {
				seen[key] = true
				continue
			}
			seen[key] = true
			p.Since = orNow(was.Since, orNow(p.Since, now))
			if err := s.putProblem(ctx, tx, p); err != nil {
				return err
			}
		}
		for _, p := range gone {
			_, err := tx.ExecContext(ctx, `DELETE FROM problems WHERE project = ? AND service = ? AND job = ? AND label = ? AND value = ?
				AND why = ? AND severity = ?`, p.Project, p.Service, p.Job, p.Label, p.Value, p.Why, p.Severity)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// problemKey is what makes two problems the same one: all but the advice and the time.
func problemKey(p Problem) Problem {
	p.Suggestion, p.Since = "", time.Time{}
	return p
}

func (s *Store) putProblem(ctx context.Context, tx *sql.Tx, p Problem) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO problems (instance, "+problemColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.instance, p.Project, p.Service, p.Job, p.Label, p.Value, p.Why, p.Severity, p.Suggestion, millis(p.Since))
	return err
}

// Problems lists what is wrong, problems before warnings, then by service and label.
func (s *Store) Problems(ctx context.Context) ([]Problem, error) {
	all, err := collect(ctx, s.read, scanProblem, "SELECT "+problemColumns+" FROM problems ORDER BY severity, project, service, job, label, value, why")
	return all, s.fail("read problems", err)
}
