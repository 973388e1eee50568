package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
)

// heldQuery is what history --from was asked.
type heldQuery struct {
	from, instance string
	limit          int
	groups, asJSON bool
}

// heldBackup is one backup as its manifest on a target tells of it.
type heldBackup struct {
	Run          string    `json:"run"`
	Project      string    `json:"project"`
	Service      string    `json:"service"`
	Job          string    `json:"job"`
	TakenAt      time.Time `json:"taken_at"`
	Trigger      string    `json:"trigger,omitempty"`
	Strategy     string    `json:"strategy"`
	RawBytes     int64     `json:"raw_bytes"`
	StoredBytes  int64     `json:"stored_bytes"`
	SHA256       string    `json:"sha256"`
	Key          string    `json:"key"`
	Group        string    `json:"group,omitempty"`
	GroupRun     string    `json:"group_run,omitempty"`
	GroupMembers []string  `json:"group_members,omitempty"`
}

// heldGroup is a group run as far as a target holds it.
type heldGroup struct {
	ID          string       `json:"id"`
	Project     string       `json:"project"`
	Group       string       `json:"group"`
	Trigger     string       `json:"trigger,omitempty"`
	TakenAt     time.Time    `json:"taken_at"`
	StoredBytes int64        `json:"stored_bytes"`
	Backups     []heldBackup `json:"backups"`
	Lacks       []string     `json:"lacks,omitempty"` // members of which the target holds no backup
}

// heldList is what history --from prints with --json.
type heldList struct {
	Target   string       `json:"target"`
	Instance string       `json:"instance"`
	Backups  []heldBackup `json:"backups,omitempty"`
	Groups   []heldGroup  `json:"groups,omitempty"`
	Older    int          `json:"older,omitempty"` // not listed, for the limit
}

// historyOfTarget lists what a target holds in this process and without the record: after a total loss nothing else is
// left that could tell.
func (p *program) historyOfTarget(ctx context.Context, only selector, q heldQuery) error {
	if q.groups && only.service != "" {
		return usageErrorf("history: groups are of a project: history %s --groups --from %s", only.project, q.from)
	}
	cfg, from, instance, err := p.openSource(ctx, q.from, q.instance)
	if err != nil {
		return err
	}
	limit := q.limit
	if q.groups {
		limit = 0 // a group run is told whole or not at all
	}
	found, err := runner.ListBackups(ctx, from, runner.Selector{Instance: instance, Project: only.project, Service: only.service, Job: only.job}, limit)
	if err != nil {
		return withInstances(err, cfg, from, instance)
	}
	list := heldList{Target: from.Name(), Instance: instance, Older: found.Older}
	for _, m := range found.Backups {
		list.Backups = append(list.Backups, held(m))
	}
	if q.groups {
		list.Groups = heldGroups(list.Backups)
		list.Backups = nil
		if q.limit > 0 && len(list.Groups) > q.limit {
			list.Older, list.Groups = len(list.Groups)-q.limit, list.Groups[:q.limit]
		}
	}
	if err := p.printHeld(list, q); err != nil {
		return err
	}
	for _, err := range found.Broken {
		fmt.Fprintln(p.err, printable("warning: not listed: "+err.Error()))
	}
	if len(found.Broken) > 0 {
		return &exitError{exitProblems, nil}
	}
	return nil
}

// openSource finds the target that is read, and the host whose backups are meant.
func (p *program) openSource(ctx context.Context, name, host string) (config, *target.Target, string, error) {
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return cfg, nil, "", err
	}
	targets, err := loadTargets(ctx, cfg, newLogger(cfg, p.err))
	if err != nil {
		return cfg, nil, "", err
	}
	from, err := chooseTarget(cfg, targets, name)
	if err != nil {
		return cfg, nil, "", err
	}
	instance, err := p.chooseInstance(ctx, cfg, host)
	return cfg, from, instance, err
}

func held(m target.Manifest) heldBackup {
	return heldBackup{
		Run: m.Run, Project: m.Project, Service: m.Service, Job: m.Job, TakenAt: m.StartedAt, Trigger: m.Trigger, Strategy: m.Strategy,
		RawBytes: m.Raw.Bytes, StoredBytes: m.Stored.Bytes, SHA256: m.Stored.SHA256, Key: m.Key,
		Group: m.Group, GroupRun: m.GroupRun, GroupMembers: m.GroupMembers,
	}
}

func (b heldBackup) job() string { return selector{b.Project, b.Service, b.Job}.String() }

// heldGroups puts group runs together again, in the order of their newest backups.
func heldGroups(backups []heldBackup) []heldGroup {
	var out []heldGroup
	for _, b := range backups {
		if b.GroupRun == "" {
			continue
		}
		i := slices.IndexFunc(out, func(g heldGroup) bool { return g.ID == b.GroupRun && g.Project == b.Project })
		if i < 0 {
			i = len(out)
			out = append(out, heldGroup{ID: b.GroupRun, Project: b.Project, Group: b.Group, Trigger: b.Trigger, Lacks: slices.Clone(b.GroupMembers)})
		}
		g := &out[i]
		g.Backups, g.StoredBytes = append(g.Backups, b), g.StoredBytes+b.StoredBytes
		if g.TakenAt.IsZero() || b.TakenAt.Before(g.TakenAt) {
			g.TakenAt = b.TakenAt
		}
		g.Lacks = slices.DeleteFunc(g.Lacks, func(id string) bool { return id == b.job() })
	}
	return out
}

func (p *program) printHeld(list heldList, q heldQuery) error {
	if q.asJSON {
		return p.printJSON(list)
	}
	if q.groups {
		return p.printHeldGroups(list)
	}
	t := newTable(p.out, "RUN", "JOB", "TAKEN", "TRIGGER", "STRATEGY", "RAW", "STORED", "GROUP", "GROUP RUN")
	for _, b := range list.Backups {
		t.row(b.Run, b.job(), moment(b.TakenAt), b.Trigger, b.Strategy, size(b.RawBytes), size(b.StoredBytes), b.Group, b.GroupRun)
	}
	if err := t.flush(); err != nil {
		return err
	}
	p.tellOlder(list.Older, "backup", "backups")
	return nil
}

func (p *program) printHeldGroups(list heldList) error {
	if len(list.Groups) == 0 {
		fmt.Fprintf(p.out, "Target %s holds no backup there that is part of a group run.\n", list.Target)
		return nil
	}
	t := newTable(p.out, "GROUP RUN", "GROUP", "TAKEN", "TRIGGER", "STORED", "MEMBERS")
	for _, g := range list.Groups {
		var members []string
		for _, b := range g.Backups {
			members = append(members, b.Service+"/"+b.Job)
		}
		for _, id := range g.Lacks {
			members = append(members, strings.TrimPrefix(id, g.Project+"/")+" (missing)")
		}
		t.row(g.ID, g.Project+"/"+g.Group, moment(g.TakenAt), g.Trigger, size(g.StoredBytes), strings.Join(members, ", "))
	}
	if err := t.flush(); err != nil {
		return err
	}
	p.tellOlder(list.Older, "group run", "group runs")
	return nil
}

func (p *program) tellOlder(n int, one, many string) {
	if n > 0 {
		fmt.Fprintf(p.out, "\n%s not listed; --limit shows more.\n", plural(n, "older "+one, "older "+many))
	}
}
