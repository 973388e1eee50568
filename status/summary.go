package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// recentRuns is how many runs of all jobs the summary lists.
const recentRuns = 20

func (s *Server) summarize(ctx context.Context) (*Status, error) {
	v := &Status{
		Instance: s.store.Instance(), Version: s.version, Now: s.now().UTC(), StartedAt: s.started,
		Health: s.runner.Health(ctx), Unprotected: []Service{}, Problems: []Problem{}, Warnings: []Problem{},
	}
	jobs, err := s.jobViews(ctx, true, v.Health)
	if err != nil {
		return nil, err
	}
	v.Projects, v.Totals = byProject(jobs)
	v.Absent = missedAbsent(jobs)
	if err := s.addGroups(ctx, v.Projects); err != nil {
		return nil, err
	}
	runs, _, err := s.store.Runs(ctx, store.Filter{Limit: recentRuns})
	if err != nil {
		return nil, fmt.Errorf("read the newest runs: %w", err)
	}
	v.RecentRuns = make([]Run, 0, len(runs))
	for _, r := range runs {
		v.RecentRuns = append(v.RecentRuns, runView(r))
	}
	problems, err := s.problemViews(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if p.Severity == "warning" {
			v.Warnings = append(v.Warnings, p)
		} else {
			v.Problems = append(v.Problems, p)
		}
	}
	if v.Targets, err = s.targetViews(ctx); err != nil {
		return nil, err
	}
	services, err := s.serviceViews(ctx)
	if err != nil {
		return nil, err
	}
	for _, svc := range services {
		if svc.Stateful && !svc.Protected && !svc.OptedOut {
			v.Unprotected = append(v.Unprotected, svc)
		}
	}
	v.Totals.Unprotected = len(bare(v.Unprotected))
	v.Attention = attention(v)
	return v, nil
}

// missedAbsent are the absent jobs whose labels asked for an alarm while they were there.
func missedAbsent(jobs []Job) []Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j Job) bool { return j.State != JobAbsent || j.RPOSeconds == 0 })
}

// byProject groups the declared jobs and counts. Absent jobs are only counted.
func byProject(jobs []Job) ([]Project, Totals) {
	projects, totals := []Project{}, Totals{}
	for _, j := range jobs {
		if j.State == JobAbsent {
			totals.Absent++
			totals.StoredBytes += j.StoredBytes
			continue
		}
		if n := len(projects); n == 0 || projects[n-1].Name != j.Project {
			projects = append(projects, Project{Name: j.Project, Jobs: []Job{}})
		}
		p := &projects[len(projects)-1]
		p.Jobs = append(p.Jobs, j)
		if j.LastRun != nil && len(j.LastRun.Warnings) > 0 {
			totals.Warned++
		}
		p.Succeeded24h += j.Succeeded24h
		p.Failed24h += j.Failed24h
		p.StoredBytes += j.StoredBytes
		totals.Jobs++
		totals.Succeeded24h += j.Succeeded24h
		totals.Failed24h += j.Failed24h
		totals.StoredBytes += j.StoredBytes
		if !j.NextRun.IsZero() && (totals.NextRun.IsZero() || j.NextRun.Before(totals.NextRun)) {
			totals.NextRun = j.NextRun
		}
	}
	return projects, totals
}

// addGroups puts the declared groups to their projects.
func (s *Server) addGroups(ctx context.Context, projects []Project) error {
	for _, g := range s.runner.Snapshot().Groups {
		i := slices.IndexFunc(projects, func(p Project) bool { return p.Name == g.Project })
		if i < 0 {
			continue // declared this very moment
		}
		view, err := s.groupView(ctx, g)
		if err != nil {
			return err
		}
		projects[i].Groups = append(projects[i].Groups, view)
	}
	return nil
}

// jobViews lists the jobs by id, absent ones only with all.
func (s *Server) jobViews(ctx context.Context, all bool, health runner.Health) ([]Job, error) {
	jobs, err := s.store.Jobs(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("read the jobs: %w", err)
	}
	seen, err := s.feed.update(ctx, jobs)
	if err != nil {
		return nil, err
	}
	stats, err := s.store.Stats(ctx, s.now().Add(-24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("read the sums of the jobs: %w", err)
	}
	sums := make(map[string]store.JobStats, len(stats))
	for _, st := range stats {
		sums[st.JobID] = st
	}
	specs := map[string]labels.Job{}
	for _, j := range s.runner.Snapshot().Jobs {
		specs[j.ID()] = j
	}
	overdue := map[string]bool{}
	for _, id := range health.Overdue {
		overdue[id] = true
	}
	views := make([]Job, 0, len(jobs))
	for _, j := range jobs {
		v := jobView(j, specs[j.ID], seen[j.ID], sums[j.ID])
		if v.State != JobAbsent && v.State != JobRunning && v.State != JobRefused && overdue[j.ID] {
			v.State = JobOverdue
		}
		views = append(views, v)
	}
	slices.SortFunc(views, compareJobs)
	return views, nil
}

// jobView joins what labels say of a job with what the record says.
func jobView(j store.Job, spec labels.Job, seen glance, sums store.JobStats) Job {
	v := Job{
		ID: j.ID, Project: j.Project, Service: j.Service, Job: j.Name, Strategy: j.Strategy, NextRun: j.NextRun,
		LastSuccess: j.LastSuccess, AbsentSince: j.AbsentSince, StoredBytes: sums.StoredBytes,
		Succeeded24h: sums.Succeeded, Failed24h: sums.Failed, LastStates: []string{},
	}
	if spec.Name != "" {
		v.Strategy, v.Targets = spec.Strategy, spec.Targets
		v.Group = spec.Group
		v.Schedule, v.ScheduleText = spec.Schedule.Spec, spec.Schedule.Words()
		v.RPOSeconds = int64(spec.RPO.Seconds())
	} else {
		v.RPOSeconds = int64(runner.RecordedRPO(j).Seconds())
	}
	for _, r := range seen.runs {
		v.LastStates = append(v.LastStates, r.State)
		if v.LastRun == nil && r.State != store.Skipped {
			v.LastRun = lastRun(r)
		}
	}
	if !j.Declared || j.Refused {
		v.NextRun = time.Time{}
	}
	v.State = jobState(j, v)
	return v
}

func lastRun(r store.Run) *LastRun {
	v := &LastRun{
		ID: r.ID, State: r.State, Cause: r.Cause, Error: r.Error, QueuedAt: r.QueuedAt, FinishedAt: r.FinishedAt,
		DurationMS: span(r.StartedAt, r.FinishedAt), StoredBytes: r.StoredBytes, Warnings: r.Warnings,
	}
	for _, a := range r.Artifacts {
		if !a.Held() && a.State != store.Pruned {
			v.Missing = append(v.Missing, a.Target)
		}
	}
	return v
}

// jobState is a job's condition in one word; what an owner must act on comes before what is only under way.
func jobState(j store.Job, v Job) string {
	switch {
	case !j.Declared:
		return JobAbsent
	case j.Refused:
		return JobRefused
	case v.LastRun == nil:
		return JobWaiting
	case !ended(v.LastRun.State):
		return JobRunning
	case v.LastRun.State == store.Succeeded:
		return JobOK
	case v.LastRun.State == store.Partial:
		return JobPartial
	}
	return JobFailed
}

func compareJobs(a, b Job) int {
	return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Job, b.Job))
}
