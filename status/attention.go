package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// namedJobs is how many jobs or services a sentence names before it only counts.
const namedJobs = 3

// attention says in sentences what an owner must act on though the appliance itself is well and no rpo is missed:
// without it, a house whose every job is refused would be shown as healthy.
func attention(v *Status) []string {
	var refused, never, failed, partial, shrunk []string
	for _, p := range v.Projects {
		for _, j := range p.Jobs {
			switch {
			case j.State == JobRefused:
				refused = append(refused, j.ID)
			case j.LastSuccess.IsZero():
				never = append(never, j.ID)
			case j.State == JobFailed:
				failed = append(failed, j.ID)
			case j.State == JobPartial:
				partial = append(partial, j.ID)
			}
			if j.LastRun != nil && slices.ContainsFunc(j.LastRun.Warnings, runner.Shrunk) {
				shrunk = append(shrunk, j.ID)
			}
		}
	}
	out := []string{}
	for _, kind := range []struct {
		jobs      []string
		one, many string
	}{
		{refused, "1 job is refused and does not run", "%d jobs are refused and do not run"},
		{never, "1 job has no good backup yet", "%d jobs have no good backup yet"},
		{failed, "the last run of 1 job brought no backup", "the last runs of %d jobs brought no backup"},
		{partial, "the last backup of 1 job is held by fewer targets than wanted", "the last backups of %d jobs are held by fewer targets than wanted"},
		{shrunk, "the last backup of 1 job holds far less than the one before", "the last backups of %d jobs hold far less than the ones before"},
		{bare(v.Unprotected), "1 service keeps state and has no backup", "%d services keep state and have no backup"},
	} {
		if len(kind.jobs) > 0 {
			out = append(out, sentence(kind.jobs, kind.one, kind.many))
		}
	}
	for _, p := range v.Projects {
		for _, g := range p.Groups {
			if g.LastRun != nil && ended(g.LastRun.State) && g.LastRun.State != store.Succeeded && g.LastRun.State != store.Partial {
				out = append(out, fmt.Sprintf("the last run of the group %s of %s brought no whole restore point", g.Name, p.Name))
			}
		}
	}
	if len(refused) == 0 && len(v.Problems) > 0 {
		out = append(out, many(len(v.Problems), "label problem")+", see below")
	}
	return out
}

func sentence(jobs []string, one, several string) string {
	words := one
	if len(jobs) > 1 {
		words = fmt.Sprintf(several, len(jobs))
	}
	words += ": " + strings.Join(jobs[:min(len(jobs), namedJobs)], ", ")
	if more := len(jobs) - namedJobs; more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	return words
}

// bare names the unprotected services whose labels ask for nothing; refused ones are told as such.
func bare(unprotected []Service) []string {
	var names []string
	for _, s := range unprotected {
		if s.Problems == 0 {
			names = append(names, place(s.Project, s.Service))
		}
	}
	return names
}
