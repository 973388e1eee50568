package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

// ranTogether is what run prints with --json.
type ranTogether struct {
	Runs   []status.Run      `json:"runs"`
	Groups []status.GroupRun `json:"groups,omitempty"`
}

// inGroup names a job with the group that it belongs to.
func inGroup(job, group string) string {
	if group == "" {
		return job
	}
	return job + " (group " + group + ")"
}

// followGroups waits for the end of each group run and returns them.
func (p *program) followGroups(ctx context.Context, server *status.Client, ids []string) ([]status.GroupRun, error) {
	var groups []status.GroupRun
	for _, id := range ids {
		err := p.follow(ctx, "group run "+id, func(ctx context.Context) (status.Progress, error) { return server.GroupProgress(ctx, id) })
		if err != nil {
			return nil, err
		}
		g, err := server.GroupRun(ctx, id)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// printGroups lists group runs, newest first.
func (p *program) printGroups(groups []status.GroupRun) error {
	t := newTable(p.out, "GROUP RUN", "GROUP", "STATE", "TRIGGER", "QUEUED", "TOOK", "HELD", "STORED", "MEMBERS")
	for _, g := range groups {
		state := g.State
		if g.Cause != "" {
			state += " (" + g.Cause + ")"
		}
		var members []string
		for _, r := range g.Runs {
			name := r.Service + "/" + r.Job
			if r.State != "succeeded" {
				name += " (" + r.State + ")"
			}
			members = append(members, name)
		}
		for _, id := range g.Refused {
			members = append(members, strings.TrimPrefix(id, g.Project+"/")+" (refused)")
		}
		t.row(g.ID, g.Project+"/"+g.Group, state, g.Trigger, moment(g.QueuedAt), span(time.Duration(g.DurationMS)*time.Millisecond),
			span(time.Duration(g.HeldMS)*time.Millisecond), size(g.StoredBytes), strings.Join(members, ", "))
	}
	return t.flush()
}

// printGroup tells all of one group run.
func (p *program) printGroup(g status.GroupRun, asJSON bool) error {
	if asJSON {
		return p.printJSON(g)
	}
	if err := p.printGroups([]status.GroupRun{g}); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	if err := p.printRuns(g.Runs); err != nil {
		return err
	}
	if g.Error != "" {
		fmt.Fprintf(p.out, "\nerror: %s\n", printable(g.Error))
	}
	for _, w := range g.Warnings {
		fmt.Fprintf(p.out, "warning: %s\n", printable(w))
	}
	if g.State == "succeeded" {
		fmt.Fprintf(p.out, "\nsimpledeploy-backup restore %s --group %s brings it back.\n", printable(g.Project), g.ID)
	}
	return nil
}

// groupOutcome is the worst of what happened to group runs: a member that its labels' problem keeps out has no run that
// could say so.
func groupOutcome(groups []status.GroupRun, quiet bool) error {
	for _, g := range groups {
		if g.State != "succeeded" && g.State != "partial" {
			if quiet {
				return &exitError{exitFailed, nil}
			}
			return &exitError{exitFailed, fmt.Errorf("group %s of %s: %s: %s", printable(g.Group), printable(g.Project), g.State, printable(g.Error))}
		}
	}
	return nil
}

// tellRun tells all of a run, or of a group run, whichever has this id.
func (p *program) tellRun(ctx context.Context, server *status.Client, id string, asJSON bool) error {
	run, err := server.Run(ctx, id)
	if err == nil {
		return p.printRun(run, asJSON)
	}
	if refused, ok := errors.AsType[*status.APIError](err); ok && refused.Status == http.StatusNotFound {
		if g, groupErr := server.GroupRun(ctx, id); groupErr == nil {
			return p.printGroup(g, asJSON)
		}
	}
	return noSuchRun(err, id)
}

// noSuchRun says of a run that is not in the record where runs are listed.
func noSuchRun(err error, id string) error {
	if refused, ok := errors.AsType[*status.APIError](err); ok && refused.Status == http.StatusNotFound {
		return fmt.Errorf("no run %s; simpledeploy-backup history lists them", printable(id))
	}
	return err
}

// checkGroup refuses flags that make no sense for a restore of a group run.
func (f *restoreFlags) checkGroup(what selector) error {
	switch {
	case f.group == "" && f.incomplete:
		return usageErrorf("restore: --incomplete is for --group")
	case f.group == "":
		return nil
	case what.service != "":
		return usageErrorf("restore: --group restores all members of a group run: name the project alone, or one service with --run")
	case f.run != "" || f.at != "" || f.stdout || f.toDir != "":
		return usageErrorf("restore: --group goes with --from, --instance, --to, --incomplete, --no-safety, --dry-run, --yes and --json only")
	case f.instance != "" && f.from == "":
		return usageErrorf("restore: --instance needs --from: the record knows this host only")
	case strings.Contains(f.to, "/"):
		return usageErrorf("restore: with --group, --to names a PROJECT that has the same services")
	}
	return nil
}

// restoreGroup lets the server restore all members of a group run together.
func (p *program) restoreGroup(ctx context.Context, what selector, f *restoreFlags) error {
	server, err := p.server()
	if err != nil {
		return err
	}
	req := status.GroupRestoreRequest{Project: what.project, From: f.from, Instance: f.instance, ToProject: f.to, Incomplete: f.incomplete, NoSafety: f.noSafety}
	plan, err := server.PlanGroupRestore(ctx, f.group, req)
	if err != nil {
		return err
	}
	if f.dryRun && f.asJSON {
		return p.printJSON(plan)
	}
	if !f.asJSON {
		if err := p.printGroupRestorePlan(plan); err != nil {
			return err
		}
	}
	if f.dryRun {
		return nil
	}
	if !f.yes && !f.asJSON {
		if err := p.confirm("Restore all of them now?"); err != nil {
			return err
		}
	}
	// What was shown is what is restored, also when the group ran again while someone reads the plan.
	started, err := server.StartGroupRestore(ctx, plan.GroupRun, req)
	if err != nil {
		return err
	}
	id := started.Restore
	err = p.follow(ctx, "restore "+id, func(ctx context.Context) (status.Progress, error) { return server.RestoreProgress(ctx, id) })
	if err != nil {
		return err
	}
	done, err := server.Restore(ctx, id)
	if err != nil {
		return err
	}
	return p.printGroupRestored(done, f.asJSON)
}

func (p *program) printGroupRestorePlan(plan runner.GroupRestorePlan) error {
	t := newTable(p.out)
	t.row("restore point", plan.GroupRun+" of the group "+plan.Group+" of "+plan.Project+", taken "+moment(plan.TakenAt)+" ("+ago(plan.TakenAt, time.Now())+")")
	for _, m := range plan.Members {
		t.row("member", m.From+" into "+m.To+", "+m.Strategy+", "+size(m.RawBytes)+" raw, run "+m.RunID+" on "+m.Target)
		for _, n := range m.Notes {
			t.row("note", m.To+": "+n)
		}
	}
	for _, l := range plan.Lacks {
		t.row("LACKS", l)
	}
	t.row("safety", safetyText(plan.Safety, plan.NothingHere, ", as one restore point"))
	if len(plan.Stops) > 0 {
		t.row("stops meanwhile", strings.Join(plan.Stops, ", "))
	}
	return t.flush()
}

func (p *program) printGroupRestored(r status.Restore, asJSON bool) error {
	failed := r.State != "succeeded"
	if asJSON {
		if err := p.printJSON(r); err != nil || !failed {
			return err
		}
		return &exitError{exitFailed, nil}
	}
	t := newTable(p.out, "RESTORE", "INTO", "STATE", "FROM RUN", "TOOK", "BEFORE THAT")
	for _, part := range r.Parts {
		t.row(part.ID, part.ToProject+"/"+part.ToService, part.State, part.Run, span(time.Duration(part.DurationMS)*time.Millisecond), part.SafetyRun)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if failed {
		return fmt.Errorf("restore %s %s: %s", r.ID, r.State, printable(r.Error))
	}
	fmt.Fprintf(p.out, "\nrestored %s from group run %s in %s\n", printable(r.ToProject), r.GroupRun, span(time.Duration(r.DurationMS)*time.Millisecond))
	if r.SafetyRun != "" {
		fmt.Fprintf(p.out, "what was there before: simpledeploy-backup restore %s --group %s\n", printable(r.ToProject), r.SafetyRun)
	}
	return nil
}
