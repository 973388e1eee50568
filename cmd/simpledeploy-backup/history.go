package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/status"
)

func historyCommand() command {
	return command{
		name: "history", args: "[PROJECT[/SERVICE[/JOB]] | RUN | GROUP RUN]", short: "List runs, newest first, or tell all of one",
		long: "--from lists what a target holds, by its manifests alone: it reads straight from the target in this process and needs no\n" +
			"running appliance and no record. A run that is pinned is named so; unpin gives it back to retention.",
		example: "simpledeploy-backup history shop/db --limit 10\nsimpledeploy-backup history --run 01k9zq3v8t6x2m4n\nsimpledeploy-backup history shop --groups\n" +
			"simpledeploy-backup history --from offsite --instance oldhost\nsimpledeploy-backup history shop --groups --from offsite",
		setup: func(fs *flag.FlagSet) action {
			asJSON := jsonFlag(fs)
			limit := fs.Int("limit", 20, "at most `N` runs")
			state := fs.String("state", "", "only runs in this `STATE`: queued, running, succeeded, partial, failed, skipped, interrupted")
			id := fs.String("run", "", "tell all of the run with this `ID`")
			groups := fs.Bool("groups", false, "list group runs: restore points of several jobs")
			from := fs.String("from", "", "list what this `TARGET` holds, by its manifests, not the record")
			instance := fs.String("instance", "", "with --from: the backups of the host with this `NAME`")
			return func(ctx context.Context, p *program, args []string) error {
				only, err := optionalSelector(args, 1)
				if err != nil {
					return err
				}
				switch {
				case *instance != "" && *from == "":
					return usageErrorf("history: --instance needs --from: the record knows this host only")
				case *from != "" && (*state != "" || *id != ""):
					return usageErrorf("history: --from goes with --instance, --groups, --limit and --json only: a target holds good backups, not runs")
				case *from != "":
					return p.historyOfTarget(ctx, only, heldQuery{*from, *instance, *limit, *groups, *asJSON})
				}
				server, err := p.server()
				if err != nil {
					return err
				}
				if *id == "" && len(args) == 1 && looksLikeRun(args[0]) {
					*id = args[0]
				}
				if *id != "" {
					return p.tellRun(ctx, server, *id, *asJSON)
				}
				if *groups {
					return p.historyOfGroups(ctx, server, only, status.Query{Project: only.project, State: *state, Limit: *limit}, *asJSON)
				}
				runs, err := server.Runs(ctx, status.Query{
					Project: only.project, Service: only.service, Job: only.job, State: *state, Limit: *limit,
				})
				if err != nil {
					return err
				}
				if len(runs.Runs) == 0 && len(args) > 0 {
					if err := mustKnow(ctx, server, only); err != nil {
						return err
					}
				}
				if *asJSON {
					return p.printJSON(runs)
				}
				return p.printRuns(runs.Runs)
			}
		},
	}
}

// historyOfGroups lists the group runs of a project, or of all.
func (p *program) historyOfGroups(ctx context.Context, server *status.Client, only selector, q status.Query, asJSON bool) error {
	if only.service != "" {
		return usageErrorf("history: groups are of a project: history %s --groups", only.project)
	}
	all, err := server.GroupRuns(ctx, q)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(all)
	}
	return p.printGroups(all.Groups)
}

func (p *program) printRuns(runs []status.Run) error {
	head := []string{"RUN", "JOB", "STATE", "TRIGGER", "QUEUED", "TOOK", "STORED", "HELD BY"}
	grouped := slices.ContainsFunc(runs, func(r status.Run) bool { return r.GroupRun != "" })
	if grouped {
		head = append(head, "GROUP RUN")
	}
	t := newTable(p.out, head...)
	for _, r := range runs {
		state := r.State
		if r.Cause != "" {
			state += " (" + r.Cause + ")"
		}
		if r.Pinned && (r.State == "succeeded" || r.State == "partial") {
			state += ", pinned"
		}
		row := []string{
			r.ID, r.Project + "/" + r.Service + "/" + r.Job, state, r.Trigger, moment(r.QueuedAt),
			span(time.Duration(r.DurationMS) * time.Millisecond), size(r.StoredBytes), holders(r),
		}
		if grouped {
			row = append(row, r.GroupRun)
		}
		t.row(row...)
	}
	return t.flush()
}

// holders names the targets that hold the backup.
func holders(r status.Run) string {
	var names []string
	for _, a := range r.Artifacts {
		switch a.State {
		case "present", "verified":
			names = append(names, a.Target)
		default:
			names = append(names, a.Target+" ("+a.State+")")
		}
	}
	return strings.Join(names, ", ")
}

func (p *program) printRun(r status.Run, asJSON bool) error {
	if asJSON {
		return p.printJSON(r)
	}
	t := newTable(p.out)
	line := func(name, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	line("run", r.ID)
	line("job", r.Project+"/"+r.Service+"/"+r.Job)
	line("state", r.State)
	line("cause", r.Cause)
	if r.Pinned && (r.State == "succeeded" || r.State == "partial") {
		line("pinned", "pruning leaves it alone; unpin "+r.ID+" gives it back")
	}
	line("error", r.Error)
	line("trigger", r.Trigger)
	line("group run", r.GroupRun)
	line("strategy", r.Strategy)
	line("image", r.Image)
	line("engine version", r.EngineVersion)
	line("queued", moment(r.QueuedAt))
	line("started", moment(r.StartedAt))
	line("released", moment(r.ReleasedAt))
	line("finished", moment(r.FinishedAt))
	line("took", span(time.Duration(r.DurationMS)*time.Millisecond))
	line("raw", size(r.RawBytes))
	line("stored", size(r.StoredBytes))
	line("sha256", r.SHA256)
	line("proof", proofText(r.Proof))
	for _, a := range r.Artifacts {
		line("target "+a.Target, fmt.Sprintf("%s, %s, %s", a.State, confirmed(a.Hash), a.Key))
		line("", a.Error)
	}
	for _, w := range r.Warnings {
		line("warning", w)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, h := range r.Hooks {
		printHook(p.out, h)
	}
	return nil
}

// confirmed says how far the storage vouches for what it holds.
func confirmed(hash string) string {
	if hash == "" {
		return "size compared"
	}
	return "size and " + strings.SplitN(hash, ":", 2)[0] + " compared"
}
