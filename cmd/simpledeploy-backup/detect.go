package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/simpledeploy/backup/status"
)

func detectCommand() command {
	return command{
		name: "detect", args: "[PROJECT[/SERVICE]]", short: "List every service of the engine and what protects it, or would",
		long:    "A service that keeps state and has no backup is named as such.",
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
				return p.printServices(kept)
			}
		},
	}
}

func (p *program) printServices(services []status.Service) error {
	t := newTable(p.out, "SERVICE", "IMAGE", "PROTECTED", "BY")
	bare := 0
	for _, s := range services {
		protected, by := "yes", strings.Join(s.Jobs, ", ")
		switch {
		case s.Protected:
		case s.Problems > 0:
			protected, by = "refused", "see simpledeploy-backup plan"
			bare++
		case s.OptedOut:
			protected, by = "off", "its labels say enable=false"
		case s.Stateful:
			protected, by = "NO", "would fit: "+strings.Join(s.Suggested, "; ")
			bare++
		default:
			protected, by = "-", "keeps no state"
		}
		t.row(s.Project+"/"+s.Service, s.Image, protected, by)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if bare > 0 {
		fmt.Fprintf(p.out, "\n%s and no backup.\n", plural(bare, "service keeps state", "services keep state"))
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
