package main

import (
	"context"
	"flag"
	"fmt"
)

func unpinCommand() command {
	return command{
		name: "unpin", args: "RUN", short: "Give a backup that run --keep pinned back to retention",
		long:    "Nothing is removed by it at once: the next pruning judges the backup as it does any other.",
		example: "simpledeploy-backup unpin 01k9zq3v8t6x2m4n",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) != 1 {
					return usageErrorf("unpin: say which run: unpin RUN; history lists them")
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				run, err := server.Unpin(ctx, args[0])
				if err != nil {
					return noSuchRun(err, args[0])
				}
				if *asJSON {
					return p.printJSON(run)
				}
				fmt.Fprintf(p.out, "run %s of %s is subject to retention again\n", run.ID, selector{run.Project, run.Service, run.Job})
				return nil
			}
		},
	}
}
