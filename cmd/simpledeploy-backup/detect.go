package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/status"
)

func detectCommand() command {
	return command{
		name: "detect", args: "[PROJECT[/SERVICE]]", short: "List every service of the engine and what protects it, or would",
		long: "A service that keeps state and has no backup is named as such, and so is one whose labels are right but that was\n" +
			"never backed up.",
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
					return p.printJSON(status.Services{Services: kept})
				}
				return p.printServices(kept, time.Now())
			}
		},
	}
}

func (p *program) printServices(services []status.Service, now time.Time) error {
	t := newTable(p.out, "SERVICE", "IMAGE", "PROTECTED", "BY")
	bare, waiting := 0, 0
	for _, s := range services {
		protected, by := protection(s, now)
		switch {
		case protected == "NO", protected == "refused":
			bare++
		case s.Protected && s.LastGood.IsZero():
			waiting++
		}
		t.row(s.Project+"/"+s.Service, s.Image, protected, by)
	}
	if err := t.flush(); err != nil {
		return err
	}
	var sums []string
	if bare > 0 {
		sums = append(sums, plural(bare, "service keeps state and has no backup", "services keep state and have no backup"))
	}
	if waiting > 0 {
		sums = append(sums, plural(waiting, "is declared and has no good backup yet", "are declared and have no good backup yet"))
	}
	if len(sums) > 0 {
		fmt.Fprintf(p.out, "\n%s.\n", strings.Join(sums, ", "))
	}
	return nil
}

// protection says whether a service has a good backup, not only whether one is declared, and by what.
func protection(s status.Service, now time.Time) (protected, by string) {
	switch {
	case s.Protected && s.LastGood.IsZero():
		return "declared, no good backup yet", jobNames(s)
	case s.Protected:
		return "yes (last good " + ago(s.LastGood, now) + ")", jobNames(s)
	case s.Problems > 0:
		return "refused", "see simpledeploy-backup plan"
	case s.OptedOut:
		return "off", "its labels say enable=false"
	case s.Stateful:
		return "NO", "would fit: " + strings.Join(s.Suggested, "; ")
	}
	return "-", "keeps no state"
}

// jobNames lists the jobs of a service, and says which of them is not what it seems.
func jobNames(s status.Service) string {
	names := slices.Clone(s.Jobs)
	for i, name := range names {
		if !s.LastGood.IsZero() && slices.Contains(s.Waiting, name) {
			names[i] += " (no good backup yet)"
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
