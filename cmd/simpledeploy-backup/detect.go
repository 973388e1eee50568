package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

func detectCommand() command {
	return command{
		name: "detect", args: "[PROJECT[/SERVICE]]", short: "List every service of the engine and what protects it, or would",
		long: "A service that keeps state and has no backup is named as such, and so is one whose labels are right but that was\n" +
			"never backed up. Jobs that no container declares any more and that had an rpo are named below: they raise no alarm.\n" +
			"Ends with 3 when something that keeps state is not protected, or refused by a problem with its labels.",
		example: "simpledeploy-backup detect",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			return func(ctx context.Context, p *program, args []string) error {
				only, err := optionalSelector(args, 1)
				if err != nil {
					return err
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				seen, err := server.Services(ctx)
				if err != nil {
					return err
				}
				kept := seen.Services[:0]
				for _, s := range seen.Services {
					if only.matches(s.Project, s.Service, "") {
						kept = append(kept, s)
					}
				}
				if *asJSON {
					if err := p.printJSON(status.Services{Services: kept}); err != nil {
						return err
					}
					return unprotected(kept)
				}
				all, err := server.Jobs(ctx, true)
				if err != nil {
					return err
				}
				jobs := slices.DeleteFunc(all.Jobs, func(j status.Job) bool { return !only.matches(j.Project, j.Service, "") })
				if err := p.printServices(kept, jobs, time.Now()); err != nil {
					return err
				}
				return unprotected(kept)
			}
		},
	}
}

// unprotected ends the command with 3 when something that keeps state has no job that can run.
func unprotected(services []status.Service) error {
	for _, s := range services {
		if bare(s) || refused(s) {
			return &exitError{exitProblems, nil}
		}
	}
	return nil
}

// bare says whether a service keeps state that nobody asked to back up, or to leave alone.
func bare(s status.Service) bool {
	return s.Stateful && !s.Protected && !s.OptedOut && s.Problems == 0
}

// refused says whether a problem with its labels keeps a service, or one of its jobs, from being backed up.
func refused(s status.Service) bool { return s.Problems > 0 }

func (p *program) printServices(services []status.Service, jobs []status.Job, now time.Time) error {
	byID := map[string]status.Job{}
	for _, j := range jobs {
		byID[j.ID] = j
	}
	t := newTable(p.out, "SERVICE", "IMAGE", "PROTECTED", "BY")
	var noBackup, kept, waiting int
	for _, s := range services {
		protected, by := protection(s, byID, now)
		switch {
		case bare(s):
			noBackup++
		case refused(s):
			kept++
		case s.Protected && s.LastGood.IsZero():
			waiting++
		}
		t.row(s.Project+"/"+s.Service, s.Image, protected, by)
	}
	if err := t.flush(); err != nil {
		return err
	}
	var sums []string
	if noBackup > 0 {
		sums = append(sums, plural(noBackup, "service keeps state and has no backup", "services keep state and have no backup"))
	}
	if kept > 0 {
		sums = append(sums, plural(kept, "is refused, in whole or in part, by a problem with its labels", "are refused, in whole or in part, by problems with their labels"))
	}
	if waiting > 0 {
		sums = append(sums, plural(waiting, "is declared and has no good backup yet", "are declared and have no good backup yet"))
	}
	if len(sums) > 0 {
		fmt.Fprintf(p.out, "\n%s.\n", strings.Join(sums, ", "))
	}
	p.printNoAlarm(jobs)
	return nil
}

// printNoAlarm names the absent jobs that would be unhealthy one day if their containers still declared them.
func (p *program) printNoAlarm(jobs []status.Job) {
	first := true
	for _, j := range jobs {
		if j.State != status.JobAbsent || j.RPOSeconds == 0 {
			continue
		}
		if first {
			fmt.Fprintln(p.out)
			first = false
		}
		fmt.Fprintln(p.out, printable(j.ID+": "+noAlarm(j.AbsentSince, j.RPOSeconds)+"; simpledeploy-backup prune "+j.ID+" --absent gives it up"))
	}
}

// noAlarm says that a job's rpo counts no more, since no container declares it.
func noAlarm(since time.Time, rpoSeconds int64) string {
	return "absent since " + moment(since) + ": no alarm, though its rpo was " + runner.Exactly(time.Duration(rpoSeconds)*time.Second)
}

// protection says whether a service has a good backup, not only whether one is declared, and by what.
func protection(s status.Service, jobs map[string]status.Job, now time.Time) (protected, by string) {
	switch {
	case s.Protected && s.LastGood.IsZero():
		return "declared, no good backup yet", jobNames(s, jobs)
	case s.Protected:
		return "yes (last good " + ago(s.LastGood, now) + ")", jobNames(s, jobs)
	case s.Problems > 0:
		return "refused" + heldFrom(s, jobs, now), "see simpledeploy-backup plan"
	case s.OptedOut:
		return "off", "its labels say enable=false"
	case s.Stateful:
		return "NO", "would fit: " + strings.Join(s.Suggested, "; ")
	}
	return "-", "keeps no state"
}

// heldFrom says that a refused service still has a backup from before.
func heldFrom(s status.Service, jobs map[string]status.Job, now time.Time) string {
	var last time.Time
	for _, j := range jobs {
		if j.Project == s.Project && j.Service == s.Service && j.LastSuccess.After(last) {
			last = j.LastSuccess
		}
	}
	if last.IsZero() {
		return ""
	}
	return " (last good " + ago(last, now) + ")"
}

// jobNames lists the jobs of a service, and says which of them is not what it seems.
func jobNames(s status.Service, jobs map[string]status.Job) string {
	names := slices.Clone(s.Jobs)
	for i, name := range names {
		var not []string
		if !s.LastGood.IsZero() && slices.Contains(s.Waiting, name) {
			not = append(not, "no good backup yet")
		}
		if last := jobs[name].LastRun; last != nil {
			switch last.State {
			case "failed", "interrupted", "partial":
				not = append(not, "last run "+last.State)
			}
			if n := len(last.Warnings); n > 0 {
				not = append(not, plural(n, "warning", "warnings")+", see simpledeploy-backup history "+last.ID)
			}
		}
		if len(not) > 0 {
			names[i] += " (" + strings.Join(not, ", ") + ")"
		}
	}
	if s.Problems > 0 {
		names = append(names, plural(s.Problems, "problem", "problems")+", see simpledeploy-backup plan")
	}
	if len(s.Groups) > 0 {
		names = append(names, "in group "+strings.Join(s.Groups, ", "))
	}
	return strings.Join(names, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
