package main

import (
	"context"
	"flag"
	"fmt"
)

func rescanCommand() command {
	return command{
		name: "rescan", short: "Take over a target that a former appliance of this name wrote to",
		long: "Each target holds a claim: which appliance writes to the folder of this instance. A rebuilt host has a new\n" +
			"record and is refused until it adopts the folder. Make sure that the former appliance writes there no more.",
		example: "simpledeploy-backup rescan --adopt offsite",
		setup: func(fs *flag.FlagSet) action {
			adopt := fs.String("adopt", "", "take over the folder on this `TARGET`")
			return func(ctx context.Context, p *program, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				if *adopt == "" {
					return usageErrorf("rescan: say which target: rescan --adopt TARGET")
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				if _, err := server.Adopt(ctx, *adopt); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "the folder on %s belongs to this appliance now\n", *adopt)
				return nil
			}
		},
	}
}
