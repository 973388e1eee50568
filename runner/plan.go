package runner

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
)

// Scope says which containers are ours to look at and which targets are on this machine.
type Scope struct {
	Projects []string // empty: all
	Local    func(target string) bool
}

// MakePlan decodes one snapshot of the engine. It is pure: the same snapshot gives the same plan.
func MakePlan(dec *labels.Decoder, infos []strategy.Info, scope Scope, now time.Time) Plan {
	plan := Plan{At: now, Services: dec.Decode(scope.containers(infos))}
	held := heldGroups(plan.Services)
	for i := range plan.Services {
		svc := &plan.Services[i]
		svc.Jobs = scope.refuseHeldUploads(svc, held)
		plan.Jobs = append(plan.Jobs, svc.Jobs...)
		plan.Problems = append(plan.Problems, svc.Problems...)
		plan.Warnings = append(plan.Warnings, svc.Warnings...)
	}
	slices.SortFunc(plan.Jobs, func(a, b labels.Job) int { return cmp.Compare(a.ID(), b.ID()) })
	plan.Groups = groupsOf(plan.Services)
	return plan
}

// containers are those of the scope, in the form that labels are decoded from.
func (s Scope) containers(infos []strategy.Info) []labels.Container {
	out := make([]labels.Container, 0, len(infos))
	for _, info := range infos {
		id, _, _ := labels.IdentityOf(info.Name, info.Labels)
		if len(s.Projects) > 0 && !slices.Contains(s.Projects, id.Project) {
			continue
		}
		c := labels.Container{ID: info.ID, Name: info.Name, Image: info.Image, Labels: info.Labels}
		for _, m := range info.Mounts {
			c.Mounts = append(c.Mounts, labels.Mount(m))
		}
		out = append(out, c)
	}
	return out
}

// heldGroups are the groups of which a member holds its container: it is held until the last member is read.
func heldGroups(services []labels.Service) map[string]bool {
	held := map[string]bool{}
	for _, svc := range services {
		for _, job := range svc.Jobs {
			if job.Group != "" && job.Holds() {
				held[job.GroupID()] = true
			}
		}
	}
	return held
}

// refuseHeldUploads refuses jobs that would hold a container while a far target takes the stream: the upload would
// decide how long the service is away. In a group that holds anything, that is every member's stream.
func (s Scope) refuseHeldUploads(svc *labels.Service, held map[string]bool) []labels.Job {
	kept := svc.Jobs[:0:0]
	for _, job := range svc.Jobs {
		inHeld := job.Group != "" && held[job.GroupID()]
		if !job.Holds() && !inHeld || s.Local == nil || s.Local(job.Targets[0]) {
			kept = append(kept, job)
			continue
		}
		svc.Refuse(job)
		p := labels.Problem{
			Identity: job.Identity, Job: job.Name, Label: "quiesce", Value: job.Quiesce,
			Why: "the first target, " + job.Targets[0] + ", is not on this machine, so the container would be held for as " +
				"long as the upload takes; this is not available in this version",
			Suggestion: "name a local target first: target=" + strings.Join(append([]string{"local"}, job.Targets...), ","),
		}
		if !job.Holds() {
			p.Label, p.Value = "group", job.Group
			p.Why = "the first target, " + job.Targets[0] + ", is not on this machine, so the containers that the group holds would be " +
				"held for as long as this upload takes too; this is not available in this version"
		}
		svc.Problems = append(svc.Problems, p)
	}
	return kept
}

// find is the declared job with this id.
func (p Plan) find(id string) (labels.Job, bool) {
	i, ok := slices.BinarySearchFunc(p.Jobs, id, func(j labels.Job, id string) int { return cmp.Compare(j.ID(), id) })
	if !ok {
		return labels.Job{}, false
	}
	return p.Jobs[i], true
}
