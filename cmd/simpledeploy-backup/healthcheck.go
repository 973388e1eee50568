package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

func healthcheckCommand() command {
	return command{
		name: "healthcheck", short: "Say whether the appliance is well, for HEALTHCHECK",
		long: "Ends with 4 when the engine or the record is away, when another appliance does the same work, or when a job\n" +
			"has no good backup as recent as its rpo label asks.",
		example: "simpledeploy-backup healthcheck",
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
				ctx, cancel := context.WithTimeoutCause(ctx, 8*time.Second, errors.New("no answer within 8 seconds"))
				defer cancel()
				health, err := server.Health(ctx)
				if err != nil {
					return &exitError{exitUnhealthy, err}
				}
				if *asJSON {
					if err := p.printJSON(health); err != nil {
						return err
					}
				}
				if !health.Healthy {
					reasons := append([]string{}, health.Reasons...)
					if len(reasons) == 0 {
						reasons = append(reasons, "no reason given")
					}
					return &exitError{exitUnhealthy, fmt.Errorf("unhealthy: %s", strings.Join(reasons, "; "))}
				}
				if !*asJSON {
					fmt.Fprintln(p.out, "healthy")
				}
				return nil
			}
		},
	}
}
