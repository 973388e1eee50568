package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/simpledeploy/backup/status"
)

func pruneCommand() command {
	return command{
		name: "prune", args: "[PROJECT/SERVICE/JOB]", short: "Apply retention now",
		long: "The last good backup of a declared job is never removed, and neither is anything that the appliance did not write.\n" +
			"Jobs that no container declares any more are left alone unless --absent asks for them: then all of their backups\n" +
			"go, the last good one too, but for pinned ones, and a job that has none left is forgotten; its runs stay in the history.",
		example: "simpledeploy-backup prune --dry-run\nsimpledeploy-backup prune old/db/default --absent",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			absent := fs.Bool("absent", false, "give up jobs that no container declares any more, with all their backups")
			dryRun := fs.Bool("dry-run", false, "show what would be removed, and remove nothing")
			return func(ctx context.Context, p *program, args []string) error {
				only, err := optionalSelector(args, 3)
				if err != nil {
					return err
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				results, err := server.Prune(ctx, status.PruneRequest{Job: only.String(), Absent: *absent, DryRun: *dryRun})
				if err != nil {
					return err
				}
				if *asJSON {
					return p.printJSON(results)
				}
				return p.printPruned(results, *dryRun)
			}
		},
	}
}

func (p *program) printPruned(results status.Pruned, dryRun bool) error {
	t := newTable(p.out, "JOB", "RUN", "TARGET", "TAKEN", "SIZE", "", "WHY")
	removed, failed := 0, 0
	for _, r := range results.Prune {
		what, why := "kept", strings.Join(r.Reasons, ", ")
		switch {
		case r.Error != "":
			what, why = "FAILED", r.Error
			failed++
		case r.Remove && dryRun:
			what = "would go"
			removed++
		case r.Remove:
			what = "removed"
			removed++
		}
		t.row(r.Job, r.RunID, r.Target, moment(r.TakenAt), size(r.Bytes), what, why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("prune: %s could not be removed; the next run tries again", plural(failed, "object", "objects"))
	}
	verb := "removed"
	if dryRun {
		verb = "would be removed"
	}
	fmt.Fprintf(p.out, "\n%s of %d %s\n", plural(removed, "object", "objects"), len(results.Prune), verb)
	return nil
}
