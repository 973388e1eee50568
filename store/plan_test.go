package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// manyRuns makes ?1 runs of ?2 jobs from the moment ?3, ?4 milliseconds apart.
const manyRuns = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
	INSERT INTO runs (` + runColumns + `) SELECT printf('%016d', i), 'host', 'p' || (i % ?2 / 10), 's' || (i % ?2), 'default', 'schedule',
	CASE WHEN i % 20 = 7 THEN 'failed' ELSE 'succeeded' END, '', '', 1, 'postgres', 'c', 'postgres:17', 'sha256:0123456789abcdef', '17.2',
	?3 + i * ?4, ?3 + i * ?4, ?3 + i * ?4, ?3 + i * ?4 + 9000, NULL, 1000000, 300000, '0123456789abcdef', '0123456789abcdef', 0, 1, 0,
	'["local"]', NULL, '{"databases":1,"tables":20,"rows":100000}', '', '' FROM n`

// explain is the plan of a query, a line per step.
func explainPlan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	no(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		no(t, rows.Scan(&id, &parent, &unused, &detail))
		plan.WriteString(detail + "\n")
	}
	no(t, rows.Err())
	return plan.String()
}

func TestQueries_AreAnsweredFromIndices(t *testing.T) {
	s, _ := openTest(t)
	checkPlans(t, s)
	// Once more with statistics of a filled file, as after a close.
	_, err := s.write.Exec(manyRuns, 20_000, 100, start.UnixMilli(), 60_000)
	no(t, err)
	_, err = s.write.Exec("ANALYZE")
	no(t, err)
	checkPlans(t, s)
}

func checkPlans(t *testing.T, s *Store) {
	t.Helper()
	list := func(f Filter, build func(Filter) (string, []any, error)) (string, []any) {
		t.Helper()
		query, args, err := build(f)
		no(t, err)
		return query, args
	}
	type plan struct {
		name, index, query string
		args               []any
	}
	job := []any{"p", "s", "j"}
	plans := []plan{
		{"latest runs", "sqlite_autoindex_runs_1 (id=?)", latestRuns, nil},
		{"runs of a group run", "runs_by_group (group_run=?)", runsOfGroup, []any{"g"}},
		{"open group runs", "group_runs_open", openGroups, nil},
		{"latest successes", "sqlite_autoindex_runs_1 (id=?)", latestSuccesses, nil},
		{"latest run of a job", "COVERING INDEX runs_by_job (project=? AND service=? AND job=?)", latestRun, job},
		{"latest success of a job", "COVERING INDEX runs_by_job (project=? AND service=? AND job=?)", latestSuccess, job},
		{"held bytes", "COVERING INDEX artifacts_held (project=? AND service=? AND job=?)", heldBytes, job},
		{"counts", "COVERING INDEX runs_by_time (queued_at>?)", countRuns, []any{start.UnixMilli()}},
		{"queue", "runs_by_state (state=?)", queuedRuns, nil}, {"due", "artifacts_due", dueArtifacts, nil},
		{"artifacts", "sqlite_autoindex_artifacts_1 (run_id=?)", artifactsOfRun, []any{"r"}},
		{"backups", "sqlite_autoindex_runs_1 (id=?)", backupRuns, job},
		{"artifacts of backups", "sqlite_autoindex_artifacts_1 (run_id=?)", backupArtifacts, job},
		{"old runs", "runs_by_time (queued_at<?)", oldRuns, []any{start.UnixMilli(), pruneBatch}},
	}
	query, args := latestQuery("p/s/j", []string{Succeeded, Partial})
	plans = append(plans, plan{"latest by state", "COVERING INDEX runs_by_job (project=? AND service=? AND job=?)", query, args})
	cursor := Filter{Cursor: "a.b"}
	for i, f := range []struct {
		index string
		Filter
	}{
		{"runs_by_time", Filter{}}, {"runs_by_time", cursor}, {"runs_by_time", Filter{Since: start}},
		{"runs_by_project (project=?", Filter{Project: "p"}}, {"runs_by_project (project=?", Filter{Project: "p", Cursor: "a.b"}},
		{"runs_by_job (project=? AND service=? AND job=?", Filter{Project: "p", Service: "s", Job: "j"}},
		{"runs_by_state (state=?", Filter{State: Failed}}, {"runs_by_state (state=?", Filter{State: Failed, Cursor: "a.b", Since: start}},
	} {
		query, args := list(f.Filter, Filter.runs)
		plans = append(plans, plan{fmt.Sprint("runs ", i), f.index, query, args})
	}
	for name, build := range map[string]func(Filter) (string, []any, error){"restores": Filter.restores, "events": Filter.events} {
		for i, f := range []Filter{{}, cursor, {Project: "p", Service: "s", Job: "j"}} {
			index := []string{name + "_by_time", name + "_by_time", name + "_by_job (project=?"}[i]
			query, args := list(f, build)
			plans = append(plans, plan{fmt.Sprint(name, i), index, query, args})
		}
	}
	for _, p := range plans {
		got := explainPlan(t, s, p.query, p.args...)
		// The few backups of one job are sorted by hand; nothing else is.
		sorts := strings.Contains(got, "TEMP B-TREE FOR ORDER BY") && p.name != "backups"
		if !strings.Contains(got, p.index) || sorts {
			t.Errorf("%s should use %s and sort nothing:\n%s\n%s", p.name, p.index, got, p.query)
		}
	}
}

func openMany(b *testing.B) *Store {
	b.Helper()
	path := b.TempDir() + "/record.db"
	s, err := Open(b.Context(), path, Options{Instance: "host"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	from := time.Now().Add(-1_000_000 * 80 * time.Second) // a run every 80 s: each of 1,000 jobs once a day
	for _, query := range []string{
		"PRAGMA synchronous = OFF",
		fmt.Sprintf(strings.NewReplacer("%", "%%", "?1", "1000000", "?2", "1000", "?3", "%d", "?4", "80000").Replace(manyRuns), from.UnixMilli(), from.UnixMilli(), from.UnixMilli(), from.UnixMilli()),
		`INSERT INTO artifacts SELECT id, t, 'host', project, service, job, 'host/p/s/default/' || id, 300000, '0123', '', 'present', 1, '', 1, NULL, queued_at
			FROM runs, (SELECT 'local' AS t UNION ALL SELECT 's3') WHERE CAST(id AS INTEGER) >= 993000`,
		`INSERT INTO summaries SELECT project, service, job, 'host', max(id) FILTER (WHERE id = id), max(id) FILTER (WHERE state = 'succeeded'), 2100000
			FROM runs GROUP BY project, service, job`,
		`INSERT INTO jobs (instance, ` + jobColumns + `) SELECT 'host', project || '/' || service || '/' || job, project, service, job, 'postgres', 'f', '{}', 1, 0,
			1, 1, NULL, 2, 1, 1 FROM summaries`,
		"PRAGMA synchronous = FULL", "PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		if _, err := s.write.Exec(query); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkStore_OneMillionRuns(b *testing.B) {
	s := openMany(b)
	ctx := b.Context()
	measure := func(name string, fn func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	measure("Jobs", func() error { _, err := s.Jobs(ctx, false); return err })
	measure("LatestPerJob", func() error { _, err := s.LatestPerJob(ctx); return err })
	measure("Stats24h", func() error { _, err := s.Stats(ctx, time.Now().Add(-24*time.Hour)); return err })
	measure("RecentRuns20", func() error { _, err := s.RecentRuns(ctx, 20); return err })
	measure("FailedRuns", func() error { _, _, err := s.Runs(ctx, Filter{State: Failed}); return err })
	measure("JobRuns", func() error {
		_, _, err := s.Runs(ctx, Filter{Project: "p3", Service: "s33", Job: "default"})
		return err
	})
	measure("Backups", func() error { _, err := s.Backups(ctx, "p3/s33/default"); return err })
	measure("CreateAndUpdateRun", func() error {
		r := Run{ID: NewID(), Project: "p3", Service: "s33", Job: "default", State: Running}
		if err := s.CreateRun(ctx, r); err != nil {
			return err
		}
		r.State = Succeeded
		return s.UpdateRun(ctx, r)
	})
	measure("CloseAndOpen", func() error {
		if err := s.Close(); err != nil {
			return err
		}
		var err error
		s, err = Open(ctx, s.Path(), Options{})
		return err
	})
	b.Cleanup(func() { s.Close() })
}
