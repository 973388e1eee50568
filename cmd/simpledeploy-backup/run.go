package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func runCommand() command {
	return command{
		name: "run", args: "PROJECT[/SERVICE[/JOB]]", short: "Back up now, wait for the end, and say how it went",
		long: "A job that is at work already is queued behind itself. Interrupting the command leaves the runs going.\n" +
			"Jobs of a group run as one when the project is named, or the group; a job that is named runs by itself.\n" +
			"A job that is refused by a problem with its labels is named, and the others run.\n" +
			"Ends with 3 when a job is refused or a backup is held by fewer targets than wanted, with 1 when there is none.",
		example: "simpledeploy-backup run shop\nsimpledeploy-backup run shop/db --keep\nsimpledeploy-backup run shop --group nightly",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			detach := fs.Bool("detach", false, "print the ids of the runs and do not wait")
			keep := fs.Bool("keep", false, "pin the backup: pruning leaves it alone until unpin gives it back")
			group := fs.String("group", "", "of the project, only the jobs of the group with this `NAME`")
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) != 1 {
					return usageErrorf("run: say what: run PROJECT[/SERVICE[/JOB]]")
				}
				what, err := parseSelector(args[0], 1)
				if err != nil {
					return err
				}
				if *group != "" && what.service != "" {
					return usageErrorf("run: --group needs the project alone: run PROJECT --group NAME")
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				started, err := server.StartRun(ctx, runner.RunRequest{Project: what.project, Service: what.service, Job: what.job, Group: *group, Keep: *keep})
				refused := 0
				if *group == "" { // a group run names the members that are refused itself
					refused = p.tellRefused(ctx, server, what)
				}
				if err != nil {
					return nothingStarted(err, what, refused)
				}
				if *detach {
					err = p.printStarted(started, *asJSON)
				} else {
					err = p.waitForRuns(ctx, server, started, *asJSON)
				}
				return withRefused(err, refused, *asJSON)
			}
		},
	}
}

// tellRefused prints the problems of what was asked for, with their remedies: a refused job is one that nothing starts.
// It says how many there are; a server that does not tell its problems has told what it started, and that counts.
func (p *program) tellRefused(ctx context.Context, server *status.Client, what selector) int {
	seen, err := server.Problems(ctx)
	if err != nil {
		return 0
	}
	n := 0
	for _, x := range seen.Problems {
		concerns := what.matches(x.Project, x.Service, x.Job) || x.Job == "" && what.matches(x.Project, x.Service, what.job)
		if x.Severity == "problem" && concerns {
			fmt.Fprintln(p.err, problemLine(x.Severity, selector{x.Project, x.Service, x.Job}, x.Label, x.Value, x.Why, x.Suggestion))
			n++
		}
	}
	return n
}

// nothingStarted is the end of a request that started no run. Where the problems were told, with their remedies, the
// server's own sentence would only say one of them again.
func nothingStarted(err error, what selector, refused int) error {
	if answer, ok := errors.AsType[*status.APIError](err); ok && answer.Status == http.StatusNotFound && refused > 0 {
		return &exitError{exitFailed, fmt.Errorf("run %s: nothing was started: the labels have to be put right first", what)}
	}
	return err
}

// withRefused makes a problem of a request that went well but for jobs that could not be part of it.
func withRefused(err error, refused int, quiet bool) error {
	switch {
	case err != nil || refused == 0:
		return err
	case quiet:
		return &exitError{exitProblems, nil}
	}
	return &exitError{exitProblems, fmt.Errorf("%s with labels, named above: a refused job was not backed up", plural(refused, "problem", "problems"))}
}

func (p *program) printStarted(started status.RunIDs, asJSON bool) error {
	if asJSON {
		return p.printJSON(started)
	}
	for _, id := range started.Runs {
		fmt.Fprintln(p.out, id)
	}
	return nil
}

// waitForRuns follows one run after the other; they may well be at work side by side.
func (p *program) waitForRuns(ctx context.Context, server *status.Client, started status.RunIDs, asJSON bool) error {
	groups, err := p.followGroups(ctx, server, started.Groups)
	if err != nil {
		return err
	}
	var runs []status.Run
	for _, id := range started.Runs {
		err := p.follow(ctx, "run "+id, func(ctx context.Context) (status.Progress, error) { return server.RunProgress(ctx, id) })
		if err != nil {
			return err
		}
		run, err := server.Run(ctx, id)
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	if asJSON {
		if err := p.printJSON(ranTogether{runs, groups}); err != nil {
			return err
		}
	} else if err := p.printRuns(runs); err != nil {
		return err
	}
	if !asJSON {
		p.tellTrouble(runs)
	}
	for _, r := range runs {
		for _, h := range r.Hooks {
			if !asJSON && (h.State == "failed" || h.State == "timeout") {
				printHook(p.err, h)
			}
		}
	}
	if err := groupOutcome(groups, asJSON); err != nil {
		return err
	}
	return outcome(runs, asJSON)
}

// tellTrouble says what a table has no room for: why a target does not hold a backup, each reason once, and what a run
// warned of.
func (p *program) tellTrouble(runs []status.Run) {
	told := map[string]bool{}
	for _, r := range runs {
		for _, a := range r.Artifacts {
			line := "target " + a.Target + ": " + a.Error
			if a.Error == "" || a.State == "present" || a.State == "verified" || told[line] {
				continue
			}
			told[line] = true
			if a.State == "due" {
				line += "; the copy is tried again by itself until the target has it"
			}
			fmt.Fprintln(p.err, printable(line))
		}
		for _, w := range r.Warnings {
			fmt.Fprintln(p.err, printable("warning: "+selector{r.Project, r.Service, r.Job}.String()+": "+w))
		}
	}
}

// outcome is the worst of what happened.
func outcome(runs []status.Run, quiet bool) error {
	code, why := exitOK, ""
	for _, r := range runs {
		name := r.Project + "/" + r.Service + "/" + r.Job
		switch {
		case r.State == "succeeded":
		case r.State == "partial" && code != exitFailed:
			code, why = exitProblems, fmt.Sprintf("%s: partial: %s", name, holders(r))
		case r.State != "partial":
			code, why = exitFailed, fmt.Sprintf("%s: %s: %s", name, r.State, r.Error)
		}
	}
	switch {
	case code == exitOK:
		return nil
	case quiet:
		return &exitError{code, nil}
	}
	return &exitError{code, fmt.Errorf("%s", printable(why))}
}
