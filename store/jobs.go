package store

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"
)

const jobColumns = `id, project, service, name, strategy, fingerprint, spec, declared, refused,
	first_seen, declared_at, absent_since, next_run, last_tick, last_success`

func scanJob(row scanner) (j Job, err error) {
	return j, row.Scan(&j.ID, &j.Project, &j.Service, &j.Name, &j.Strategy, &j.Fingerprint, rawColumn{&j.Spec}, &j.Declared, &j.Refused,
		timeColumn{&j.FirstSeen}, timeColumn{&j.DeclaredAt}, timeColumn{&j.AbsentSince}, timeColumn{&j.NextRun}, timeColumn{&j.LastTick},
		timeColumn{&j.LastSuccess})
}

// PutJobs replaces the set of declared jobs. A job that is not in it becomes absent: it has no next run, but keeps its
// history. One that comes back goes on where it was, with now as its last tick, so that the ticks of its absence are not
// caught up; a new one begins in the same way. Of a job only ID, names, Strategy, Fingerprint, Spec, Refused and (when
// set) NextRun are taken; its times are the record's own.
func (s *Store) PutJobs(ctx context.Context, declared []Job) (JobChanges, error) {
	var changes JobChanges
	now := s.now().UTC().Truncate(time.Millisecond)
	err := s.tx(ctx, "write jobs", func(tx *sql.Tx) error {
		kept, err := collect(ctx, tx, scanJob, "SELECT "+jobColumns+" FROM jobs")
		if err != nil {
			return err
		}
		known := make(map[string]Job, len(kept))
		for _, j := range kept {
			known[j.ID] = j
		}
		writes := mergeJobs(known, declared, now, &changes)
		for _, j := range writes {
			if err := s.putJob(ctx, tx, j); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return JobChanges{}, err
	}
	return changes, nil
}

// mergeJobs returns the rows to write and notes what changed. It empties known of what is declared.
func mergeJobs(known map[string]Job, declared []Job, now time.Time, changes *JobChanges) (writes []Job) {
	for _, d := range declared {
		was, old := known[d.ID]
		delete(known, d.ID)
		j := was
		j.ID, j.Project, j.Service, j.Name = d.ID, d.Project, d.Service, d.Name
		j.Strategy, j.Fingerprint, j.Spec, j.Refused = d.Strategy, d.Fingerprint, d.Spec, d.Refused
		if !d.NextRun.IsZero() {
			j.NextRun = d.NextRun.UTC().Truncate(time.Millisecond)
		}
		switch {
		case !old:
			changes.Added = append(changes.Added, j.ID)
			j.Declared, j.FirstSeen, j.DeclaredAt, j.LastTick = true, now, now, now
		case !was.Declared:
			changes.Returned = append(changes.Returned, j.ID)
			j.Declared, j.DeclaredAt, j.LastTick, j.AbsentSince = true, now, now, time.Time{}
		case was.Fingerprint != j.Fingerprint:
			changes.Changed = append(changes.Changed, j.ID)
		case sameJob(was, j):
			continue
		}
		writes = append(writes, j)
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		j := known[id]
		if !j.Declared {
			continue
		}
		changes.Absent = append(changes.Absent, id)
		j.Declared, j.AbsentSince, j.NextRun = false, now, time.Time{}
		writes = append(writes, j)
	}
	slices.Sort(changes.Added)
	slices.Sort(changes.Changed)
	slices.Sort(changes.Returned)
	return writes
}

func sameJob(a, b Job) bool {
	return a.Strategy == b.Strategy && a.Refused == b.Refused && bytes.Equal(a.Spec, b.Spec) && a.NextRun.Equal(b.NextRun) &&
		a.Project == b.Project && a.Service == b.Service && a.Name == b.Name
}

func (s *Store) putJob(ctx context.Context, tx *sql.Tx, j Job) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO jobs (instance, "+jobColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.instance, j.ID, j.Project, j.Service, j.Name, j.Strategy, j.Fingerprint, raw(j.Spec), j.Declared, j.Refused,
		millis(j.FirstSeen), millis(j.DeclaredAt), millis(j.AbsentSince), millis(j.NextRun), millis(j.LastTick), millis(j.LastSuccess))
	return err
}

// Jobs lists the declared jobs by id; the absent ones too if asked for.
func (s *Store) Jobs(ctx context.Context, includeAbsent bool) ([]Job, error) {
	all, err := collect(ctx, s.read, scanJob, "SELECT "+jobColumns+" FROM jobs WHERE declared = 1 OR ? ORDER BY id", includeAbsent)
	return all, s.fail("read jobs", err)
}

// Job reads one job, absent or not.
func (s *Store) Job(ctx context.Context, id string) (Job, error) {
	j, err := one(ctx, s.read, scanJob, "SELECT "+jobColumns+" FROM jobs WHERE id = ?", id)
	return j, s.fail("read job "+id, err)
}

// ForgetJob drops a job that no container declares. Its runs stay in the history; if it comes back, it begins anew. A
// declared job is left alone.
func (s *Store) ForgetJob(ctx context.Context, id string) error {
	_, err := s.exec(ctx, "forget job "+id, "DELETE FROM jobs WHERE id = ? AND declared = 0", id)
	return err
}

// SetTick notes the newest tick that was dealt with and when the next one comes. A zero last keeps the one that is
// known: a tick that was dealt with is never forgotten. A zero next says that none comes.
func (s *Store) SetTick(ctx context.Context, jobID string, last, next time.Time) error {
	verb := "write the tick of job " + jobID
	n, err := s.exec(ctx, verb, "UPDATE jobs SET last_tick = coalesce(?, last_tick), next_run = ? WHERE id = ?", millis(last), millis(next), jobID)
	if err == nil && n == 0 {
		err = s.fail(verb, ErrNotFound)
	}
	return err
}
