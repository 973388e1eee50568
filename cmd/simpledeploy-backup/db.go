package main

import (
	"context"
	"flag"
	"strconv"
)

func dbCommand() command {
	return command{
		name: "db", args: "status", short: "Tell the state of the record", example: "simpledeploy-backup db status",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) != 1 || args[0] != "status" {
					return usageErrorf("db: want db status")
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				db, err := server.DBStatus(ctx)
				if err != nil {
					return err
				}
				if *asJSON {
					return p.printJSON(db)
				}
				t := newTable(p.out)
				t.row("dialect", db.Dialect)
				t.row("schema version", strconv.Itoa(db.SchemaVersion))
				t.row("size", size(db.SizeBytes))
				t.row("write-ahead log", size(db.WALBytes))
				t.row("pages", strconv.FormatInt(db.PageCount, 10))
				t.row("free pages", strconv.FormatInt(db.FreelistCount, 10))
				t.row("last check", moment(db.LastCheck))
				t.row("last error", db.LastError)
				return t.flush()
			}
		},
	}
}
