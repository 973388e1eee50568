package main

import (
	"context"
	"flag"

	"github.com/simpledeploy/backup/runner/helper"
)

// helperCommand is the program's other side: what runs in the container beside a volume's owner.
func helperCommand() command {
	return command{
		name: "helper", short: "Read or write the mounted paths for an appliance", hidden: true,
		example: "simpledeploy-backup helper -socket /run/helper.sock",
		setup: func(fs *flag.FlagSet) action {
			socket := fs.String("socket", "", "serve the appliance on this Unix socket at `PATH`; else on stdin and stdout")
			return func(ctx context.Context, p *program, args []string) error {
				if *socket != "" {
					args = append([]string{"-socket", *socket}, args...)
				}
				return helper.Run(ctx, args, p.in, p.out)
			}
		},
	}
}
