package labels

import (
	"maps"
	"slices"
	"strings"
)

// entry is one label of ours.
type entry struct{ label, value string }

// labelled is what a container's labels set, before anything of it is checked.
type labelled struct {
	plain map[string]entry            // unnamed keys
	named map[string]map[string]entry // job → keys
	bad   []finding                   // labels that mean nothing
}

func (l labelled) any() bool { return len(l.plain)+len(l.named)+len(l.bad) > 0 }

// jobs are the names of the jobs that exist: the named ones, or else the one that has no name.
func (l labelled) jobs() []string {
	if len(l.named) == 0 {
		return []string{defaultJob}
	}
	return slices.Sorted(maps.Keys(l.named))
}

const defaultJob = "default"

// finding is a Problem with where it came from.
type finding struct {
	Problem
	inherited bool // of an unnamed label: it stands for every job that inherits it
}

// parse sorts the labels by job and key.
func (d *Decoder) parse(all map[string]string) labelled {
	out := labelled{plain: map[string]entry{}, named: map[string]map[string]entry{}}
	for _, label := range slices.Sorted(maps.Keys(all)) {
		value := strings.TrimSpace(all[label])
		rest, ours := strings.CutPrefix(label, d.prefix)
		if !ours {
			if suggestion := d.nearPrefix(label); suggestion != "" {
				out.bad = append(out.bad, badLabel(label, value, "", "unknown label", suggestion))
			}
			continue
		}
		job, key, dotted := strings.Cut(rest, ".")
		if !dotted {
			job, key = "", rest
		}
		if f, bad := d.badName(label, value, job, key, dotted); bad {
			out.bad = append(out.bad, f)
			if f.Job != "" && out.named[f.Job] == nil {
				out.named[f.Job] = map[string]entry{}
			}
			continue
		}
		if !dotted {
			out.plain[key] = entry{label, value}
			continue
		}
		if out.named[job] == nil {
			out.named[job] = map[string]entry{}
		}
		out.named[job][key] = entry{label, value}
	}
	return out
}

// badName checks the label's own words.
func (d *Decoder) badName(label, value, job, key string, dotted bool) (finding, bool) {
	names := keyNames(d.keys)
	switch {
	case dotted && slices.Contains(names, job):
		return badLabel(label, value, "", "a job cannot be called like a key", "write "+d.prefix+job+", or choose another name for the job"), true
	case dotted && !plainName.MatchString(job):
		return badLabel(label, value, "", "a job's name has small letters, digits and hyphens, at most 32", ""), true
	case slices.Contains(names, key):
		return finding{}, false
	case namesSecret(key):
		return badLabel(label, "", job, "a label must never hold a secret, everybody can read it", secretRemedy), true
	case strings.Contains(key, "."):
		return badLabel(label, value, job, "a label has at most a job's name and a key", "write "+d.prefix+"<job>.<key>"), true
	}
	suggestion := ""
	if best := closest(strings.ToLower(key), names); best != "" {
		suggestion = "did you mean " + strings.TrimSuffix(label, key) + best + "?"
	}
	return badLabel(label, value, job, "unknown key", suggestion), true
}

func badLabel(label, value, job, why, suggestion string) finding {
	if holdsSecret(value) {
		value = ""
	}
	if suggestion == "" {
		suggestion = "take it out; docs/reference/labels.md lists all keys"
	}
	return finding{
		Problem:   Problem{Job: job, Label: shown(label), Value: shown(value), Why: why, Suggestion: suggestion},
		inherited: job == "",
	}
}

// nearPrefix suggests the right label for one that is only just not ours. Other labels under the same first word
// belong to others.
func (d *Decoder) nearPrefix(label string) string {
	lower := strings.ToLower(label)
	if strings.HasPrefix(lower, d.prefix) {
		return "did you mean " + lower + "? Labels are told apart by case"
	}
	rest, ok := strings.CutPrefix(lower, d.cfg.Prefix+".")
	if !ok {
		return d.misspelt(lower)
	}
	word, tail, _ := strings.Cut(rest, ".")
	switch {
	case tail == "" && slices.Contains(tellingKeys(), word):
		return "did you mean " + d.prefix + word + "?"
	case word == "backup":
		return "did you mean " + d.prefix + "enable?"
	case word == "backups" || (len(word) > 3 && closest(word, []string{"backup"}) != ""):
		return "did you mean " + d.prefix + tail + "?"
	}
	return ""
}

// misspelt suggests the right label for one whose first word is a slip away from ours.
func (d *Decoder) misspelt(lower string) string {
	for _, joint := range []string{"-", "_", ""} {
		if tail, ok := strings.CutPrefix(lower, d.cfg.Prefix+joint+"backup."); ok {
			return "did you mean " + d.prefix + tail + "?"
		}
	}
	first, tail, ok := strings.Cut(lower, ".backup.")
	if !ok || strings.Contains(first, ".") || len(first) > 64 || distance(first, d.cfg.Prefix) > min(2, len(d.cfg.Prefix)/3) {
		return ""
	}
	return "did you mean " + d.prefix + tail + "?"
}

// tellingKeys are the keys that nobody writes but for a backup: with "backup" forgotten before them they are still ours.
func tellingKeys() []string {
	return []string{"schedule", "retention", "strategy", "rpo", "quorum", "quiesce", "databases"}
}
