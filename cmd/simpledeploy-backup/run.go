package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func runCommand() command {
	return command{
		name: "run", args: "PROJECT[/SERVICE[/JOB]]", short: "Back up now, wait for the end, and say how it went",
		long: "A job that is at work already is queued behind itself. Interrupting the command leaves the runs going.\n" +
			"Jobs of a group run as one when the project is named, or the group; a job that is named runs by itself.\n" +
			"Ends with 3 when a backup is held by fewer targets than wanted, with 1 when there is none.",
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
				if err != nil {
					p.tellRefused(ctx, server, what)
					return err
				}
				if *detach {
					return p.printStarted(started, *asJSON)
				}
				return p.waitForRuns(ctx, server, started, *asJSON)
			}
		},
	}
}

// tellRefused prints the problems of what was asked for, with their remedies: a refused job is one that nothing starts.
// The error of the request itself is told in any case.
func (p *program) tellRefused(ctx context.Context, server *status.Client, what selector) {
	seen, err := server.Problems(ctx)
	if err != nil {
		return
	}
	for _, x := range seen.Problems {
		if x.Severity == "problem" && x.Project == what.project && (what.service == "" || x.Service == what.service) {
			fmt.Fprintln(p.err, problemLine(x.Severity, selector{x.Project, x.Service, x.Job}, x.Label, x.Value, x.Why, x.Suggestion))
		}
	}
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
