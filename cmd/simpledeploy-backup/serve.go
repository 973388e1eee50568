package main

import (
	"context"
	"flag"
)

func serveCommand() command {
	return command{
		name: "serve", short: "Watch the engine and back up (the default)",
		long:    "Everything is set by the environment. A signal to stop lets running backups end within SIMPLEDEPLOY_SHUTDOWN_GRACE.",
		example: "docker run -d -v /var/run/docker.sock:/var/run/docker.sock -v backup-data:/data simpledeploy-backup",
		setup: func(*flag.FlagSet) action {
			return func(ctx context.Context, p *program, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				cfg, err := loadConfig(p.environ)
				if err != nil {
					return err
				}
				return serve(ctx, cfg, newLogger(cfg, p.err))
			}
		},
	}
}
