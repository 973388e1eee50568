package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/labels"
)

func pauseCommand() command {
	return command{
		name: "pause", args: "DURATION", short: "Start nothing by schedule for a while",
		long:    "Runs that were asked for by hand still run. The pause outlives a restart of the appliance.",
		example: "simpledeploy-backup pause 2h",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) != 1 {
					return usageErrorf("pause: say for how long: pause 2h")
				}
				d, err := labels.ParseDuration(args[0])
				if err != nil || d <= 0 {
					return usageErrorf("pause: %q is not a duration; write it like 2h or 1d", args[0])
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				until := time.Now().Add(d)
				health, err := server.Pause(ctx, until)
				if err != nil {
					return err
				}
				if *asJSON {
					return p.printJSON(health)
				}
				fmt.Fprintf(p.out, "nothing starts by schedule until %s; simpledeploy-backup resume ends the pause\n", moment(until))
				return nil
			}
		},
	}
}
