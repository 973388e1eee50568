package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Runs lists runs, newest first, with their artifacts, and the cursor of the next page ("" at the end).
func (s *Store) Runs(ctx context.Context, f Filter) ([]Run, string, error) {
	query, args, err := f.runs()
	if err != nil {
		return nil, "", s.fail("list runs", err)
	}
	all, err := collect(ctx, s.read, scanRun, query, args...)
	if err != nil {
		return nil, "", s.fail("list runs", err)
	}
	runs, next := page(all, f.limit(), func(r Run) (time.Time, string) { return r.QueuedAt, r.ID })
	return runs, next, s.loadArtifacts(ctx, runs)
}

func (f Filter) runs() (string, []any, error) {
	if f.Kind != "" || f.Group != "" {
		return "", nil, fmt.Errorf("a run has no kind or group name (%q)", f.Kind+f.Group)
	}
	return f.list(runColumns, "runs", "queued_at")
}

// RecentRuns lists the newest runs of all jobs.
func (s *Store) RecentRuns(ctx context.Context, limit int) ([]Run, error) {
	runs, _, err := s.Runs(ctx, Filter{Limit: limit})
	return runs, err
}

func (s *Store) loadArtifacts(ctx context.Context, runs []Run) error {
	if len(runs) == 0 {
		return nil
	}
	ids := make([]any, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	all, err := collect(ctx, s.read, scanArtifact, "SELECT "+artifactColumns+" FROM artifacts WHERE run_id IN (?"+
		strings.Repeat(", ?", len(ids)-1)+") ORDER BY run_id, target", ids...)
	if err != nil {
		return s.fail("read artifacts of runs", err)
	}
	attach(runs, all)
	return nil
}
