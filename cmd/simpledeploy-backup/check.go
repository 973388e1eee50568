package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"strings"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/labels/composefile"
)

// checkReport is what check prints with --json.
type checkReport struct {
	Jobs        []string         `json:"jobs"`
	Problems    []labels.Problem `json:"problems"`
	Warnings    []labels.Warning `json:"warnings"`
	Unprotected []string         `json:"unprotected"`
}

func checkCommand() command {
	return command{
		name: "check", args: "[FILE...]", short: "Check the labels of Compose files, before anything is deployed",
		long: "Without a file it reads the one that Compose would. Targets and defaults are those of the appliance in it, if there\n" +
			"is one, of the environment, and of --targets. Without a name: in the file, the project is called like its folder;\n" +
			"in a container that is the folder of the mount, and COMPOSE_PROJECT_NAME says another.\n" +
			"Ends with 3 when a label is wrong, or when a service keeps state and has no backup.",
		example: "simpledeploy-backup check compose.yaml --targets local,offsite",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			targets := fs.String("targets", "", "`NAMES` of targets that the appliance will have, comma separated")
			return func(ctx context.Context, p *program, args []string) error {
				report, err := p.check(ctx, args, *targets)
				if err != nil {
					return err
				}
				if *asJSON {
					err = p.printJSON(report)
				} else {
					p.printReport(report)
				}
				if err == nil && len(report.Problems)+len(report.Unprotected) > 0 {
					return &exitError{exitProblems, nil}
				}
				return err
			}
		},
	}
}

func (p *program) check(ctx context.Context, files []string, targets string) (checkReport, error) {
	var env []string
	for name, value := range p.environ {
		env = append(env, name+"="+value)
	}
	settings, err := composefile.Settings(ctx, files, env)
	if err != nil {
		return checkReport{}, err
	}
	environ := maps.Clone(p.environ)
	maps.Copy(environ, settings) // the appliance will run with what the file says, whatever is set here
	cfg, err := loadConfig(environ)
	if err != nil {
		return checkReport{}, err
	}
	for name := range strings.SplitSeq(targets, ",") {
		if name = strings.TrimSpace(name); name != "" {
			cfg.Targets[strings.ToLower(name)] = ""
		}
	}
	decoder, err := newDecoder(cfg)
	if err != nil {
		return checkReport{}, err
	}
	containers, problems, err := composefile.Load(ctx, files, env)
	if err != nil {
		return checkReport{}, err
	}
	return report(decoder.Decode(containers), problems), nil
}

func report(services []labels.Service, problems []labels.Problem) checkReport {
	r := checkReport{Jobs: []string{}, Problems: append([]labels.Problem{}, problems...), Warnings: []labels.Warning{}, Unprotected: []string{}}
	for _, s := range services {
		for _, j := range s.Jobs {
			r.Jobs = append(r.Jobs, fmt.Sprintf("%s: %s, %s, to %s", inGroup(j.ID(), j.Group), j.Strategy, j.Schedule.Words(), strings.Join(j.Targets, ", ")))
		}
		r.Problems = append(r.Problems, s.Problems...)
		r.Warnings = append(r.Warnings, s.Warnings...)
		if s.Stateful && !s.OptedOut && len(s.Jobs) == 0 && len(s.Problems) == 0 {
			r.Unprotected = append(r.Unprotected, s.Project+"/"+s.Service)
		}
	}
	return r
}

func (p *program) printReport(r checkReport) {
	for _, job := range r.Jobs {
		fmt.Fprintln(p.out, "ok: "+printable(job))
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(p.out, problemLine("warning", selector{w.Project, w.Service, w.Job}, w.Label, w.Value, w.Why, w.Suggestion))
	}
	for _, x := range r.Problems {
		fmt.Fprintln(p.out, problemLine("problem", selector{x.Project, x.Service, x.Job}, x.Label, x.Value, x.Why, x.Suggestion))
	}
	for _, name := range r.Unprotected {
		fmt.Fprintln(p.out, "problem: "+printable(name)+": keeps state and has no backup; give it labels, or the label enable with the value false")
	}
}
