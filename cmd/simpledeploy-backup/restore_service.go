package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

// restoreService lets the server restore into a service: it alone knows what else is at work there.
func (p *program) restoreService(ctx context.Context, what selector, at time.Time, f *restoreFlags) error {
	req, err := f.request(what, at)
	if err != nil {
		return err
	}
	server, err := p.server()
	if err != nil {
		return err
	}
	plan, err := server.PlanRestore(ctx, req)
	if err != nil {
		return err
	}
	if f.dryRun && f.asJSON {
		return p.printJSON(plan)
	}
	if !f.asJSON {
		// With --from the record may not know the run; then its counts are not known either.
		run, _ := server.Run(ctx, plan.RunID)
		if err := p.printRestorePlan(plan, run.Proof); err != nil {
			return err
		}
	}
	if f.dryRun {
		return nil
	}
	if !f.yes && !f.asJSON {
		if err := p.confirm("Restore now?"); err != nil {
			return err
		}
	}
	// What was shown is what is restored, also when a newer backup appears while someone reads the plan.
	req.Run, req.At = plan.RunID, time.Time{}
	started, err := server.StartRestore(ctx, req)
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
	return p.printRestored(done, f.asJSON)
}

func (p *program) printRestorePlan(plan runner.RestorePlan, proof json.RawMessage) error {
	t := newTable(p.out)
	t.row("backup", plan.RunID+" of "+plan.From+", taken "+moment(plan.TakenAt)+" ("+ago(plan.TakenAt, time.Now())+")")
	t.row("from", plan.Target+": "+plan.Key)
	t.row("into", plan.To)
	t.row("strategy", plan.Strategy)
	t.row("size", strings.TrimSpace(size(plan.StoredBytes)+" stored, "+size(plan.RawBytes)+" raw"))
	if text := proofText(proof); text != "" {
		t.row("holds", text)
	}
	for _, loss := range losses(plan, proof, time.Now()) {
		t.row("lost", loss)
	}
	t.row("safety", safetyText(plan.Safety, plan.NothingHere, ""))
	if len(plan.Stops) > 0 {
		t.row("stops meanwhile", strings.Join(plan.Stops, ", "))
	}
	for _, n := range plan.Notes {
		t.row("note", n)
	}
	return t.flush()
}

// safetyText says what becomes of what is there now.
func safetyText(saved, nothingHere bool, how string) string {
	switch {
	case saved:
		return "what is there now is backed up first" + how
	case nothingHere:
		return "none: nothing is there that could be backed up"
	}
	return "NONE: what is there now is replaced for good"
}

// confirm asks a person. Where nobody can answer, nothing is done.
func (p *program) confirm(question string) error {
	fmt.Fprintf(p.err, "\n%s [y/N] ", question)
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && line == "" {
		return usageErrorf("nobody answered; add --yes to restore without being asked")
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return &exitError{exitFailed, fmt.Errorf("nothing was changed")}
}

// printRestored says how it went. A restore whose counts differ ended as failed, but the data was replaced all the same:
// that has an exit code of its own.
func (p *program) printRestored(r status.Restore, asJSON bool) error {
	differs := len(r.Differences) > 0
	if asJSON {
		if err := p.printJSON(r); err != nil {
			return err
		}
	}
	switch {
	case asJSON && differs:
		return &exitError{exitProblems, nil}
	case asJSON && r.State != "succeeded":
		return &exitError{exitFailed, nil}
	case asJSON:
		return nil
	case r.State != "succeeded" && !differs:
		return fmt.Errorf("restore %s %s: %s", r.ID, r.State, printable(r.Error))
	}
	what := "restored"
	if differs {
		what = "restored, but not everything counts as it did:"
	}
	fmt.Fprintf(p.out, "\n%s %s/%s from run %s in %s\n", what, r.ToProject, r.ToService, r.Run, span(time.Duration(r.DurationMS)*time.Millisecond))
	if text := proofText(r.Proof); text != "" {
		fmt.Fprintf(p.out, "counted afterwards: %s\n", text)
	}
	if r.SafetyRun != "" {
		fmt.Fprintf(p.out, "what was there before: simpledeploy-backup restore %s/%s --run %s\n", printable(r.ToProject), printable(r.ToService), r.SafetyRun)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(p.out, "difference: %s\n", printable(d))
	}
	if differs {
		return &exitError{exitProblems, nil}
	}
	return nil
}
