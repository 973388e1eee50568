package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// pageView is the summary in words, ready to be written out.
type pageView struct {
	Instance, Version   string
	Health, HealthClass string
	Reasons             []string
	Paused              string
	Tiles               []tile
	Notes               []note
	Unprotected         []unprotectedRow
	Projects            []projectCard
	Targets             []targetRow
	Runs                []runRow
	Absent              string
	AbsentJobs          []absentRow
	Updated             string
}

type tile struct{ Name, Value, Detail, Class string }

type note struct{ Class, Where, Label, Why, Suggestion string }

// unprotectedRow is a service that keeps state, and the label that would protect it.
type unprotectedRow struct{ Name, Image, Label, Why string }

// targetRow is one target and its trouble, which the jobs that meet it need not repeat.
type targetRow struct{ Name, State, Class, Detail, Error string }

// absentRow is a job that would raise an alarm if it were still declared.
type absentRow struct{ Name, Command, Words string }

type projectCard struct {
	Name, Detail string
	Groups       []groupRow
	Jobs         []jobRow
}

// groupRow is one group's last restore point.
type groupRow struct {
	Name, State, Class, Error, Restore string
	Good                               moment
}

type jobRow struct {
	Name, Strategy, Schedule string
	Group                    string
	State, Class             string
	Last, Success, Next      moment
	Took, Stored, Error      string
	SuccessNote              string // why the last success is not the last run
	Warnings                 []string
	Bars                     []bar
	BarsText                 string
	Percent                  int // -1: nothing to show
	Phase                    string
}

// bar is a stretch of runs that ended alike, oldest first.
type bar struct {
	Class string
	Count int
}

type runRow struct {
	ID, Job, Trigger, State, Class, Cause, Error, Where string
	When                                                moment
	Took, Stored                                        string
	Warnings                                            []string
}

// classes are the colours: good, bad, odd, busy, dull.
func class(state string) string {
	switch state {
	case store.Succeeded, JobOK:
		return "good"
	case store.Failed, store.Interrupted, JobOverdue, JobRefused:
		return "bad"
	case store.Partial:
		return "odd"
	case store.Queued, store.Running:
		return "busy"
	}
	return "dull"
}

func makePageView(v Status, progress func(id string) (runner.Progress, bool)) pageView {
	p := pageView{
		Instance: v.Instance, Version: v.Version, Reasons: slices.Concat(v.Health.Reasons, v.Attention), Paused: v.Health.Paused,
		Tiles: tiles(v), Notes: notes(v), Updated: v.Now.Format("2006-01-02 15:04:05 UTC"),
	}
	p.Health, p.HealthClass = healthWord(v)
	if v.Totals.Absent > 0 {
		p.Absent = many(v.Totals.Absent, "job") + " no longer declared by any container; what was backed up stays"
	}
	for _, j := range v.Absent {
		p.AbsentJobs = append(p.AbsentJobs, absentRowOf(j))
	}
	for _, s := range v.Unprotected {
		if s.Problems == 0 { // a refused one stands among the problems
			p.Unprotected = append(p.Unprotected, unprotectedRowOf(s))
		}
	}
	for _, t := range v.Targets {
		p.Targets = append(p.Targets, targetRowOf(t))
	}
	for _, project := range v.Projects {
		p.Projects = append(p.Projects, card(v, project, progress))
	}
	for _, r := range v.RecentRuns {
		p.Runs = append(p.Runs, runRowOf(v, r))
	}
	return p
}

func healthWord(v Status) (word, class string) {
	switch h := v.Health; {
	case !h.Ready:
		return "Not ready", "bad"
	case !h.Healthy:
		return "Unhealthy", "bad"
	case h.Paused != "":
		return "Paused", "odd"
	case len(v.Attention) > 0:
		return "Needs attention", "odd"
	}
	return "Healthy", "good"
}

func tiles(v Status) []tile {
	good := 0
	for _, p := range v.Projects {
		for _, j := range p.Jobs {
			if j.State == JobOK || j.State == JobRunning {
				good++
			}
		}
	}
	jobs := tile{Name: "Jobs in order", Value: fmt.Sprintf("%d of %d", good, v.Totals.Jobs), Detail: many(len(v.Projects), "project")}
	if v.Totals.Warned > 0 {
		jobs.Detail, jobs.Class = many(v.Totals.Warned, "last run")+" with warnings", "odd"
	}
	if v.Totals.Unprotected > 0 {
		jobs.Detail, jobs.Class = strings.TrimPrefix(jobs.Detail+" · ", many(len(v.Projects), "project")+" · ")+many(v.Totals.Unprotected, "service")+" unprotected", "odd"
	}
	day := tile{Name: "Last 24 hours", Value: many(v.Totals.Succeeded24h, "backup"), Detail: "none failed"}
	if v.Totals.Failed24h > 0 {
		day.Detail, day.Class = many(v.Totals.Failed24h, "run")+" failed", "bad"
	}
	next := at(v.Totals.NextRun, v.Now, "none")
	return []tile{
		jobs, day,
		{Name: "Stored", Value: size(v.Totals.StoredBytes), Detail: "each backup counted once"},
		{Name: "Next run", Value: next.Words, Detail: strings.NewReplacer("T", " ", "Z", " UTC").Replace(next.Exact)},
	}
}

func notes(v Status) []note {
	var out []note
	for _, p := range slices.Concat(v.Problems, v.Warnings) {
		n := note{Class: "bad", Where: place(p.Project, p.Service), Label: p.Label, Why: p.Why, Suggestion: p.Suggestion}
		if p.Severity == "warning" {
			n.Class = "odd"
		}
		if p.Job != "" && p.Job != "default" {
			n.Where += "/" + p.Job
		}
		if p.Value != "" {
			n.Label += ": " + p.Value
		}
		out = append(out, n)
	}
	return out
}

func card(v Status, p Project, progress func(string) (runner.Progress, bool)) projectCard {
	c := projectCard{Name: p.Name, Detail: many(len(p.Jobs), "job") + " · " + size(p.StoredBytes) + " stored"}
	if p.Name == "_" {
		c.Name = "Containers outside Compose"
	}
	if p.Failed24h > 0 {
		c.Detail += " · " + many(p.Failed24h, "run") + " failed in 24 h"
	}
	for _, g := range p.Groups {
		row := groupRow{Name: g.Name, State: "waiting", Good: at(g.LastGood, v.Now, "never"), Restore: g.Restore}
		if g.LastRun != nil {
			row.State, row.Error = g.LastRun.State, g.LastRun.Error
			if row.State == store.Partial {
				row.Error = "the backups of some members are held by fewer targets than wanted, see the jobs below"
			}
		}
		row.Class = class(row.State)
		c.Groups = append(c.Groups, row)
	}
	for _, j := range p.Jobs {
		c.Jobs = append(c.Jobs, jobRowOf(v, j, progress))
	}
	return c
}

func jobRowOf(v Status, j Job, progress func(string) (runner.Progress, bool)) jobRow {
	row := jobRow{
		Name: jobName(j.Service, j.Job), Strategy: j.Strategy, Schedule: j.ScheduleText, Group: j.Group, State: j.State, Class: class(j.State),
		Success: at(j.LastSuccess, v.Now, "never"), Next: at(j.NextRun, v.Now, "–"), Last: at(j.AbsentSince, v.Now, "–"),
		Stored: size(j.StoredBytes), Bars: bars(j.LastStates), BarsText: barsText(j.LastStates), Percent: -1,
	}
	if j.State == JobRefused {
		row.Error = "its labels have a problem, see above: nothing runs until it is mended"
	}
	if j.LastRun == nil {
		return row
	}
	row.Last, row.Took = at(j.LastRun.QueuedAt, v.Now, "–"), took(j.LastRun.DurationMS)
	row.Warnings, row.SuccessNote = j.LastRun.Warnings, successNote(j)
	if j.State != JobOK && j.State != JobRefused {
		row.Error = shortError(j.LastRun.State, j.LastRun.Error, j.LastRun.Missing, v.Targets)
	}
	if j.State != JobRunning {
		return row
	}
	if p, ok := progress(j.LastRun.ID); ok {
		row.Phase = p.Phase
		if p.ExpectedBytes > 0 {
			row.Percent = int(min(99, 100*p.RawBytes/p.ExpectedBytes))
		}
	}
	return row
}

// bars joins neighbours that ended alike, so that a page of a thousand jobs stays small.
func bars(newestFirst []string) []bar {
	var out []bar
	for _, state := range slices.Backward(newestFirst) {
		c := class(state)
		if n := len(out); n > 0 && out[n-1].Class == c {
			out[n-1].Count++
			continue
		}
		out = append(out, bar{Class: c, Count: 1})
	}
	return out
}

func barsText(states []string) string {
	if len(states) == 0 {
		return "no runs yet"
	}
	counts := map[string]int{}
	for _, s := range states {
		counts[s]++
	}
	var parts []string
	for _, s := range []string{
		store.Succeeded, store.Partial, store.Failed, store.Interrupted, store.Skipped, store.Running, store.Queued,
	} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return "last " + many(len(states), "run") + ": " + strings.Join(parts, ", ")
}

func runRowOf(v Status, r Run) runRow {
	row := runRow{
		ID: r.ID, Job: place(r.Project, jobName(r.Service, r.Job)), Trigger: r.Trigger, State: r.State, Class: class(r.State),
		Cause: r.Cause, Error: r.Error, When: at(r.QueuedAt, v.Now, "–"), Took: took(r.DurationMS), Stored: size(r.StoredBytes), Warnings: r.Warnings,
	}
	if r.GroupRun != "" {
		row.Trigger += " · group run " + r.GroupRun
	}
	var held, missing []string
	for _, a := range r.Artifacts {
		switch a.State {
		case store.Present, store.Verified, store.Locked:
			held = append(held, a.Target)
		default:
			held, missing = append(held, a.Target+" ("+a.State+")"), append(missing, a.Target)
		}
	}
	row.Where = strings.Join(held, ", ")
	row.Error = shortError(r.State, r.Error, missing, v.Targets)
	return row
}
