package main

import (
	"context"
	"flag"
	"time"

	"github.com/simpledeploy/backup/status"
)

// restoreFlags are what a restore can be told.
type restoreFlags struct {
	run, group, at, from, instance, to, toDir         string
	stdout, dryRun, yes, noSafety, incomplete, asJSON bool
}

func restoreCommand() command {
	return command{
		name: "restore", args: "PROJECT/SERVICE[/JOB] | PROJECT --group NAME", short: "Bring a backup back, or all of a group run together",
		long: "Shows what it would do and asks. The backup is checked against its recorded size and hash and against its own\n" +
			"format before anything is committed, and what is there now is backed up first.\n" +
			"--stdout and --to-dir read straight from the target in this process: they need no running appliance and no record.\n" +
			"What --stdout printed counts only once the command has ended with 0.",
		example: "simpledeploy-backup restore shop/db\n" +
			"simpledeploy-backup restore shop --group nightly\n" +
			"simpledeploy-backup restore shop/db --at \"2026-11-20 18:00\" --to staging/db --yes\n" +
			"simpledeploy-backup restore shop/app --from offsite --instance oldhost --to-dir /restore\n" +
			"simpledeploy-backup restore shop --group nightly --from offsite --instance oldhost\n" +
			"simpledeploy-backup restore shop/db --stdout | psql -d template1",
		setup: func(fs *flag.FlagSet) action {
			f := &restoreFlags{}
			fs.StringVar(&f.run, "run", "", "the backup of this run, by its `ID`; else the newest good one")
			fs.StringVar(&f.group, "group", "", "all members of the newest whole run of the group with this `NAME`, together; an id means that group run")
			fs.BoolVar(&f.incomplete, "incomplete", false, "with --group: restore what there is, though a member has no backup in it")
			fs.StringVar(&f.at, "at", "", "the newest good backup taken at or before this `TIME`; without a zone it is in that of TZ, as history prints it")
			fs.StringVar(&f.from, "from", "", "read this `TARGET` and its manifests, not the record")
			fs.StringVar(&f.instance, "instance", "", "with --from, --stdout or --to-dir: the backups of the host with this `NAME`")
			fs.StringVar(&f.to, "to", "", "into this `PROJECT/SERVICE` instead of where it came from; with --group, into this PROJECT")
			fs.StringVar(&f.toDir, "to-dir", "", "into this new or empty `FOLDER`, as files")
			fs.BoolVar(&f.stdout, "stdout", false, "print the raw backup (SQL, tar)")
			fs.BoolVar(&f.dryRun, "dry-run", false, "show the plan and change nothing")
			fs.BoolVar(&f.yes, "yes", false, "do not ask")
			fs.BoolVar(&f.noSafety, "no-safety", false, "do not back up first what is there now")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON, as the API answers it; implies --yes")
			return func(ctx context.Context, p *program, args []string) error {
				if len(args) != 1 {
					return usageErrorf("restore: say what: restore PROJECT/SERVICE[/JOB], or restore PROJECT --group NAME")
				}
				what, err := parseSelector(args[0], 1)
				if err != nil {
					return err
				}
				if err := f.checkGroup(what); err != nil {
					return err
				}
				if f.group != "" {
					return p.restoreGroup(ctx, what, f)
				}
				if what.service == "" {
					return usageErrorf("restore: say which service of %s: restore %s/SERVICE[/JOB]; all members of a group together: restore %s --group NAME", what, what, what)
				}
				at, err := f.check()
				if err != nil {
					return err
				}
				if f.stdout || f.toDir != "" {
					return p.restoreHere(ctx, what, at, f)
				}
				return p.restoreService(ctx, what, at, f)
			}
		},
	}
}

// check refuses flags that contradict each other, and reads the time.
func (f *restoreFlags) check() (time.Time, error) {
	here := f.stdout || f.toDir != ""
	switch {
	case f.stdout && f.toDir != "", here && f.to != "":
		return time.Time{}, usageErrorf("restore: --to, --to-dir and --stdout are three different places; name one")
	case f.run != "" && f.at != "":
		return time.Time{}, usageErrorf("restore: --run and --at both choose a backup; name one")
	case f.instance != "" && f.from == "" && !here:
		return time.Time{}, usageErrorf("restore: --instance needs --from: the record knows this host only")
	case f.stdout && f.asJSON:
		return time.Time{}, usageErrorf("restore: --stdout prints the backup itself; leave --json out")
	case here && f.noSafety:
		return time.Time{}, usageErrorf("restore: --no-safety makes no sense here: nothing is replaced")
	}
	return parseTime(f.at)
}

// parseTime reads a moment as people write it and as moment prints it; without a zone it is that of this process. The
// short name of a zone is taken only where it is this process' own or UTC: elsewhere it may mean several.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04 MST"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil && (t.Location() == time.Local || t.Location() == time.UTC) {
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("%q is not a time; write it like \"2026-11-20 18:00\" or 2026-11-20T18:00:00Z", s)
}

// request is the restore as the server understands it.
func (f *restoreFlags) request(what selector, at time.Time) (status.RestoreRequest, error) {
	req := status.RestoreRequest{
		Project: what.project, Service: what.service, Job: what.job, Run: f.run, At: at,
		From: f.from, Instance: f.instance, NoSafety: f.noSafety,
	}
	if f.to != "" {
		to, err := parseSelector(f.to, 2)
		if err != nil || to.job != "" {
			return req, usageErrorf("restore: --to %q: want PROJECT/SERVICE", f.to)
		}
		req.ToProject, req.ToService = to.project, to.service
	}
	return req, nil
}
