package main

import (
	"context"
	"flag"
	"fmt"
)

func resumeCommand() command {
	return command{
		name: "resume", short: "End a pause", example: "simpledeploy-backup resume",
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
				health, err := server.Resume(ctx)
				if err != nil {
					return err
				}
				if *asJSON {
					return p.printJSON(health)
				}
				fmt.Fprintln(p.out, "schedules hold again")
				return nil
			}
		},
	}
}
