package labels

import (
	"cmp"
	"slices"
)

// finish parts the jobs that can run from those that are refused, and says each thing once.
func (w *work) finish(svc *Service) {
	var names []string
	for _, name := range w.set.jobs() {
		if !w.disabled[name] {
			names = append(names, name)
		}
	}
	problems := w.merge(names)
	for _, job := range w.decoded {
		refused := slices.ContainsFunc(problems, func(p Problem) bool { return p.Job == "" || p.Job == job.Name })
		if refused {
			svc.Refuse(job)
		} else {
			svc.Jobs = append(svc.Jobs, job)
		}
	}
	svc.OptedOut = len(names) == 0
	svc.Problems = problems
	svc.Warnings = slices.DeleteFunc(w.warnings, func(x Warning) bool { return svc.refuses(x.Job) })
}

// merge joins what an unnamed label does to every job into one Problem of the container; the only job of a container
// is called by its name.
func (w *work) merge(names []string) []Problem {
	type same struct{ label, value, why, suggestion string }
	jobs := map[same][]string{}
	for _, f := range w.found {
		if f.inherited {
			s := same{f.Label, f.Value, f.Why, f.Suggestion}
			jobs[s] = append(jobs[s], f.Job)
		}
	}
	var out []Problem
	for _, f := range w.found {
		if w.disabled[f.Job] {
			continue
		}
		p := f.Problem
		p.Identity = w.id
		if f.inherited && len(jobs[same{f.Label, f.Value, f.Why, f.Suggestion}]) == len(names) {
			p.Job = ""
		}
		if p.Job == "" && len(names) == 1 {
			p.Job = names[0]
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Why, b.Why))
	})
	return out
}
