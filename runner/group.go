package runner

import (
	"cmp"
	"slices"

	"github.com/simpledeploy/backup/labels"
)

// Group is the jobs of one project that are one restore point.
type Group struct {
	Project string
	Name    string
	Jobs    []labels.Job // those that can run, sorted by id; may be none
	Refused []string     // ids of declared members that a Problem refuses
}

// id is how the queue and the clock call it; no job is called so.
func (g Group) id() string { return "group:" + g.Project + "/" + g.Name }

// unit is what one tick fires: a job, or the jobs of a group together.
type unit struct {
	id    string
	jobs  []labels.Job // at least one, all of one timing
	group *Group       // nil for a job by itself
}

func (u unit) timing() string { return u.jobs[0].Timing() }

// groupsOf gathers the groups of a snapshot.
func groupsOf(services []labels.Service) []Group {
	byID := map[string]*Group{}
	find := func(project, name string) *Group {
		g := &Group{Project: project, Name: name}
		if known := byID[g.id()]; known != nil {
			return known
		}
		byID[g.id()] = g
		return g
	}
	for _, svc := range services {
		for _, job := range svc.Jobs {
			if job.Group != "" {
				g := find(job.Project, job.Group)
				g.Jobs = append(g.Jobs, job)
			}
		}
		for _, refused := range svc.Refused {
			if refused.Group != "" {
				g := find(svc.Project, refused.Group)
				g.Refused = append(g.Refused, svc.Project+"/"+svc.Service+"/"+refused.Name)
			}
		}
	}
	out := make([]Group, 0, len(byID))
	for _, g := range byID {
		slices.SortFunc(g.Jobs, func(a, b labels.Job) int { return cmp.Compare(a.ID(), b.ID()) })
		slices.Sort(g.Refused)
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int { return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name)) })
	return out
}

// units are what ticks fire: each group with a job that can run, and each job that is in none.
func (p Plan) units() []unit {
	units := make([]unit, 0, len(p.Jobs))
	for i, g := range p.Groups {
		if len(g.Jobs) > 0 {
			units = append(units, unit{id: g.id(), jobs: g.Jobs, group: &p.Groups[i]})
		}
	}
	for _, job := range p.Jobs {
		if job.Group == "" {
			units = append(units, unit{id: job.ID(), jobs: []labels.Job{job}})
		}
	}
	return units
}

// group is the declared group of this name.
func (p Plan) group(project, name string) (Group, bool) {
	for _, g := range p.Groups {
		if g.Project == project && g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}
