package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// unprotectedRowOf says what to write so that a service is backed up: the first of the strategies that fit.
func unprotectedRowOf(s Service) unprotectedRow {
	row := unprotectedRow{Name: place(s.Project, s.Service), Image: s.Image}
	if len(s.Suggested) == 0 {
		return row
	}
	name, why, ok := strings.Cut(s.Suggested[0], ": ")
	if !ok {
		return row
	}
	row.Label, row.Why = "simpledeploy.backup.strategy: "+name, why
	if len(s.Suggested) > 1 {
		row.Why += "; or " + strings.Join(s.Suggested[1:], "; or ")
	}
	return row
}

// targetRowOf tells a target's trouble once, for all the jobs that write to it.
func targetRowOf(t TargetView) targetRow {
	row := targetRow{Name: t.Name, State: "ok", Class: "good", Detail: many(len(t.Jobs), "job"), Error: t.LastError}
	if t.FreeBytes > 0 {
		row.Detail += " · " + humanize.IBytes(uint64(t.FreeBytes)) + " free"
	}
	switch {
	case t.Due > 0 && t.LastError != "":
		row.State, row.Class = many(t.Due, "copy")+" due", "bad"
	case t.Due > 0:
		row.State, row.Class = many(t.Due, "copy")+" due", "busy"
	case t.LastError != "":
		row.State, row.Class = "trouble", "bad"
	}
	row.State = strings.Replace(row.State, "copys", "copies", 1)
	return row
}

// absentRowOf says that the alarm of a job is off, and how to end that.
func absentRowOf(j Job) absentRow {
	rpo := runner.Exactly(time.Duration(j.RPOSeconds) * time.Second)
	return absentRow{
		Name:    place(j.Project, jobName(j.Service, j.Job)),
		Words:   fmt.Sprintf("absent since %s: no alarm, though its rpo was %s; start it again, or", j.AbsentSince.UTC().Format("2006-01-02 15:04 UTC"), rpo),
		Command: "simpledeploy-backup prune " + j.ID + " --absent",
	}
}

// shortError names the targets that lack a partial backup instead of what each of them answered, where that stands at
// the target, once.
func shortError(state, err string, missing []string, targets []TargetView) string {
	if state != store.Partial || len(missing) == 0 {
		return err
	}
	for _, name := range missing {
		if !slices.ContainsFunc(targets, func(t TargetView) bool { return t.Name == name && t.LastError != "" }) {
			return err
		}
	}
	return "not yet on " + strings.Join(missing, ", ") + ": see Targets"
}

// successNote says why a job's last success is not its last run.
func successNote(j Job) string {
	switch {
	case j.LastSuccess.IsZero() || j.LastRun == nil:
		return ""
	case j.LastRun.State == store.Partial:
		return "an earlier run: a partial one does not count"
	case j.LastRun.State == store.Failed || j.LastRun.State == store.Interrupted:
		return "an earlier run"
	}
	return ""
}
