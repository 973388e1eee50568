package labels

import (
	"cmp"
	"fmt"
	"slices"
)

// Timing is what decides when a job fires: two jobs with the same one fire together.
func (j Job) Timing() string {
	return j.Schedule.Spec + " " + j.Schedule.Timezone() + " " + j.Jitter.String()
}

// Holds says whether the container is stopped or paused while it is read.
func (j Job) Holds() bool { return j.Quiesce != "" && j.Quiesce != "none" }

// member is a job that can run, of a group.
type member struct {
	svc *Service
	job Job
}

// groupOf are the declared jobs of one project with the same group.
type groupOf struct {
	project, name string
	members       []member
	declared      int // refused ones too
}

// checkGroups looks at what only all members of a group together show. A group is one restore point, so it has one
// timing: that of most of its members, or of the first among equals. Members with another one are refused.
func (d *Decoder) checkGroups(services []Service) {
	groups := groupsOf(services)
	for _, g := range groups {
		g.members = d.refuseOtherTimings(g)
		g.members = d.refuseHeldDumps(g)
		if len(g.members) == 0 {
			continue
		}
		d.warnAlone(g, groups)
		d.warnUnheld(g)
		d.warnRetention(g)
	}
}

// groupsOf lists the groups in the order in which the services name them.
func groupsOf(services []Service) []*groupOf {
	var groups []*groupOf
	find := func(project, name string) *groupOf {
		for _, g := range groups {
			if g.project == project && g.name == name {
				return g
			}
		}
		g := &groupOf{project: project, name: name}
		groups = append(groups, g)
		return g
	}
	for i := range services {
		svc := &services[i]
		for _, job := range svc.Jobs {
			if job.Group != "" {
				g := find(job.Project, job.Group)
				g.members = append(g.members, member{svc, job})
				g.declared++
			}
		}
		for _, r := range svc.Refused {
			if r.Group != "" {
				find(svc.Project, r.Group).declared++
			}
		}
	}
	return groups
}

// refuseOtherTimings returns the members that stay.
func (d *Decoder) refuseOtherTimings(g *groupOf) []member {
	votes := map[string]int{}
	for _, m := range g.members {
		votes[m.job.Timing()]++
	}
	var lead *member
	for i, m := range g.members {
		if lead == nil || votes[m.job.Timing()] > votes[lead.job.Timing()] {
			lead = &g.members[i]
		}
	}
	var kept []member
	for _, m := range g.members {
		if m.job.Timing() == lead.job.Timing() {
			kept = append(kept, m)
			continue
		}
		key, value, want := differentTiming(m.job, lead.job)
		m.refuse(Problem{
			Identity: m.job.Identity, Job: m.job.Name, Label: d.labelOf(m.job, key), Value: shown(value),
			Why: fmt.Sprintf("the jobs of a group are backed up at one moment, and %s, which is in the group %s too, has the %s %q",
				lead.job.ID(), g.name, key, want),
			Suggestion: fmt.Sprintf("write %s, or take the label %s out", want, d.labelOf(m.job, "group")),
		})
	}
	return kept
}

// refuseHeldDumps refuses members that would hold the container in which another member is dumped by a command: none
// runs in a container that is stopped or paused.
func (d *Decoder) refuseHeldDumps(g *groupOf) []member {
	var kept []member
	for _, m := range g.members {
		i := slices.IndexFunc(g.members, func(o member) bool {
			return o.job.Identity == m.job.Identity && !d.strategyCalled(o.job.Strategy).Files
		})
		if i < 0 || !m.job.Holds() {
			kept = append(kept, m)
			continue
		}
		m.refuse(Problem{
			Identity: m.job.Identity, Job: m.job.Name, Label: d.labelOf(m.job, "quiesce"), Value: m.job.Quiesce,
			Why: fmt.Sprintf("%s of the same group is dumped by a command inside this container, and no command runs in it while it is held",
				g.members[i].job.ID()),
			Suggestion: "hold the containers that write to it instead, or take one of the two out of the group",
		})
	}
	return kept
}

// differentTiming names the first key in which two timings differ, and both values.
func differentTiming(a, b Job) (key, value, want string) {
	switch {
	case a.Schedule.Spec != b.Schedule.Spec:
		return "schedule", a.Schedule.Spec, b.Schedule.Spec
	case a.Schedule.Timezone() != b.Schedule.Timezone():
		return "timezone", a.Schedule.Timezone(), b.Schedule.Timezone()
	}
	return "jitter", formatDuration(a.Jitter), formatDuration(b.Jitter)
}

// labelOf is the label that sets a key of a job, or would.
func (d *Decoder) labelOf(job Job, key string) string {
	if own := d.prefix + job.Name + "." + key; job.Labels[own] != "" {
		return own
	}
	return d.prefix + key
}

func (m member) refuse(p Problem) {
	m.svc.Jobs = slices.DeleteFunc(m.svc.Jobs, func(j Job) bool { return j.Name == m.job.Name })
	m.svc.Warnings = slices.DeleteFunc(m.svc.Warnings, func(w Warning) bool { return w.Job == m.job.Name })
	m.svc.Refuse(m.job)
	m.svc.Problems = append(m.svc.Problems, p)
	slices.SortStableFunc(m.svc.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Why, b.Why))
	})
}

func (d *Decoder) warnMember(m member, key, value, why, suggestion string) {
	m.svc.Warnings = append(m.svc.Warnings, Warning{
		Identity: m.job.Identity, Job: m.job.Name, Label: d.labelOf(m.job, key), Value: shown(value), Why: why, Suggestion: suggestion,
	})
}

// warnAlone finds a group of one: most often its name is misspelt.
func (d *Decoder) warnAlone(g *groupOf, all []*groupOf) {
	job := g.members[0].job
	if _, labelled := job.Labels[d.labelOf(job, "group")]; g.declared > 1 || !labelled {
		return // a default of the environment is meant for projects with one job too
	}
	var others []string
	for _, o := range all {
		if o.project == g.project && o.name != g.name {
			others = append(others, o.name)
		}
	}
	suggestion := didYouMean(g.name, others)
	if suggestion == "" {
		suggestion = "give the jobs that belong to the same restore point the same label, or take it out"
	}
	d.warnMember(g.members[0], "group", g.name, "it is the only job of this group in the project "+g.project, suggestion)
}

// warnUnheld finds files that are read while their owner goes on writing, beside a database dump that is to fit them.
func (d *Decoder) warnUnheld(g *groupOf) {
	i := slices.IndexFunc(g.members, func(m member) bool { return !d.strategyCalled(m.job.Strategy).Files })
	if i < 0 {
		return
	}
	for _, m := range g.members {
		if d.strategyCalled(m.job.Strategy).Files && !m.job.Holds() && !inSwarm(m.svc.Container) {
			d.warnMember(m, "quiesce", m.job.Quiesce, fmt.Sprintf(
				"its files are read while it goes on writing, so they may not fit the dump of %s in the same restore point", g.members[i].job.ID()),
				"write "+d.prefix+"quiesce=stop (or pause) on what writes to both")
		}
	}
}

// warnRetention finds members whose backups of one restore point are pruned at different times.
func (d *Decoder) warnRetention(g *groupOf) {
	first := g.members[0].job
	for _, m := range g.members[1:] {
		if m.job.Retention != first.Retention {
			d.warnMember(m, "retention", m.job.Labels[d.labelOf(m.job, "retention")], fmt.Sprintf(
				"%s of the same group keeps other backups, so old restore points lose a member before the others", first.ID()),
				"give all jobs of the group the same retention")
		}
	}
}

// GroupID names a group among all: "project/group".
func (j Job) GroupID() string { return j.Project + "/" + j.Group }
