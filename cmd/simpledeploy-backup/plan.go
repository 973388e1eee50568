package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func planCommand() command {
	return command{
		name: "plan", short: "Show the next runs, what pruning would remove and why, and what is wrong with labels",
		long:    "Ends with 3 when a label has a problem: its job does not run.",
		example: "simpledeploy-backup plan",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			return func(ctx context.Context, p *program, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				plan, err := server.Plan(ctx)
				if err != nil {
					return err
				}
				problems, err := server.Problems(ctx)
				if err != nil {
					return err
				}
				if *asJSON {
					return p.printJSON(plan)
				}
				now, err := server.Status(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.out, "Instance: %s; write it down, a restore on another machine asks for it (--instance).\n\n", printable(now.Instance))
				return p.printPlan(plan, problems.Problems)
			}
		},
	}
}

func (p *program) printPlan(plan runner.PlanView, problems []status.Problem) error {
	t := newTable(p.out, "JOB", "STRATEGY", "SCHEDULE", "NEXT RUN", "TARGETS", "KEEPS", "EXPECTED")
	for _, n := range plan.Next {
		next := moment(n.At)
		if n.Absent {
			next = "absent"
		}
		expected := strings.TrimSpace(size(n.ExpectedBytes) + " " + span(time.Duration(n.ExpectedSeconds*float64(time.Second))))
		t.row(inGroup(n.Job, n.Group), n.Strategy, n.Schedule, next, strings.Join(n.Targets, ", "), n.Retention, expected)
	}
	if err := t.flush(); err != nil {
		return err
	}
	p.printStops(plan.Next)
	p.printAbsent(plan.Next)
	if err := p.printPruning(plan.Prune); err != nil {
		return err
	}
	return p.printProblems(problems)
}

// printStops says who is down during which run.
func (p *program) printStops(next []runner.NextRun) {
	first := true
	for _, n := range next {
		if len(n.Stops) == 0 {
			continue
		}
		if first {
			fmt.Fprintln(p.out, "\nStopped while files are read:")
			first = false
		}
		fmt.Fprintln(p.out, printable("  "+n.Job+": "+strings.Join(n.Stops, ", ")))
	}
}

// printAbsent says what becomes of backups whose job no container declares any more.
func (p *program) printAbsent(next []runner.NextRun) {
	first := true
	for _, n := range next {
		if !n.Absent {
			continue
		}
		if first {
			fmt.Fprintln(p.out, "\nDeclared by no container any more. Backups that they have stay until the job is given up:")
			first = false
		}
		line := "  simpledeploy-backup prune " + n.Job + " --absent"
		if n.RPOSeconds > 0 { // its alarm is off, and nobody else says so
			line = "  " + n.Job + ": " + noAlarm(n.AbsentSince, n.RPOSeconds) + "; simpledeploy-backup prune " + n.Job + " --absent gives it up"
		}
		fmt.Fprintln(p.out, printable(line))
	}
}

// printPruning shows what would go; what stays is the rule and needs no line.
func (p *program) printPruning(results []runner.PruneResult) error {
	t := newTable(p.out)
	going := 0
	for _, r := range results {
		if r.Remove {
			if going++; going == 1 {
				fmt.Fprintln(p.out, "\nPruning would remove:")
			}
			t.row("  "+r.Job, r.RunID, r.Target, moment(r.TakenAt), size(r.Bytes), strings.Join(r.Reasons, ", "))
		}
	}
	return t.flush()
}

func (p *program) printProblems(problems []status.Problem) error {
	refused := 0
	for i, x := range problems {
		if i == 0 {
			fmt.Fprintln(p.out)
		}
		if x.Severity == "problem" {
			refused++
		}
		fmt.Fprintln(p.out, problemLine(x.Severity, selector{x.Project, x.Service, x.Job}, x.Label, x.Value, x.Why, x.Suggestion))
	}
	if refused > 0 {
		return &exitError{exitProblems, nil}
	}
	return nil
}

// problemLine is one problem or warning as a sentence that names the thing, the reason and the remedy.
func problemLine(severity string, where selector, label, value, why, suggestion string) string {
	line := severity + ": " + where.String() + ": "
	if label != "" {
		line += label
		if value != "" {
			line += fmt.Sprintf("=%q", value)
		}
		line += ": "
	}
	line += why
	if suggestion != "" {
		line += "; " + suggestion
	}
	return printable(line)
}
