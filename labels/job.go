package labels

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// shared is what the services of one call have in common.
type shared struct {
	databases map[string]string // mounts that hold a known database → its strategy
	zones     map[string]*time.Location
}

// work is one service while its jobs are decoded.
type work struct {
	shared
	d      *Decoder
	c      Container
	id     Identity
	engine Strategy // what the image suggests
	known  bool
	set    labelled

	found    []finding
	unfit    []finding       // unnamed labels that mean nothing to one job but perhaps to another
	used     map[string]bool // unnamed labels that mean something to a job
	decoded  []Job
	disabled map[string]bool
	warnings []Warning
}

// conflict refuses a service that two projects of the same name claim: a backup of one could be restored into the
// other, or pruned in its place.
func (w *work) conflict(replicas []Container) {
	var from []string
	for _, c := range replicas {
		if o := origin(c); !slices.Contains(from, o) {
			from = append(from, o)
		}
	}
	if len(from) < 2 {
		return
	}
	slices.Sort(from)
	w.found = append(w.found, finding{inherited: true, Problem: Problem{
		Label: composeProject, Value: w.id.Project,
		Why:        fmt.Sprintf("containers of different projects claim to be %s/%s: %s", w.id.Project, w.id.Service, strings.Join(from, " and ")),
		Suggestion: "give one of the two projects another name (COMPOSE_PROJECT_NAME, or name: in its file)",
	}})
}

func (w *work) jobs() {
	w.found = append(w.found, w.set.bad...)
	w.disabled = map[string]bool{}
	for _, name := range w.set.jobs() {
		w.job(name, w.set.named[name])
	}
	for _, f := range w.unfit {
		if !w.used[f.Label] {
			w.found = append(w.found, f)
		}
	}
}

// lookup is the value that counts for a key, and where it comes from.
func (w *work) lookup(own map[string]entry, key Key) (e entry, from source) {
	if e, ok := own[key.Name]; ok {
		return e, fromJob
	}
	if e, ok := w.set.plain[key.Name]; ok {
		return e, fromContainer
	}
	if v, ok := w.d.cfg.Defaults[key.Name]; ok {
		return entry{value: strings.TrimSpace(v)}, fromEnvironment
	}
	return entry{value: key.fallback}, fromTable
}

type source int

const (
	fromTable source = iota
	fromEnvironment
	fromContainer
	fromJob
)

func (s source) labelled() bool { return s >= fromContainer }

// job decodes one job; what is wrong is found, and everything else goes on being checked.
func (w *work) job(name string, own map[string]entry) {
	d := w.d.newDraft(w.zones)
	d.Identity, d.Name, d.Labels = w.id, name, map[string]string{}
	enable, _ := findKey(w.d.keys, "enable")
	if e, from := w.lookup(own, enable); from == fromJob && strings.EqualFold(e.value, "false") {
		w.disabled[name] = true
		return
	}
	before := len(w.found)
	strategy := w.strategy(d, own)
	ok := map[string]bool{}
	for _, key := range w.d.keys {
		ok[key.Name] = w.key(d, own, key, strategy)
	}
	w.schedule(d, own, ok)
	w.quorum(d, own)
	if strategy.Name != "" {
		d.Strategy = strategy.Name
		w.files(d, own, strategy)
		w.commands(d, own, strategy)
	}
	if len(w.found) == before {
		w.warn(d, own, strategy)
	}
	w.decoded = append(w.decoded, d.Job)
}

// key puts one key's value into the job and reports whether it is good.
func (w *work) key(d *draft, own map[string]entry, key Key, strategy Strategy) bool {
	e, from := w.lookup(own, key)
	if from.labelled() {
		d.Labels[e.label] = e.value
	}
	fits := strategy.Name == "" || key.fit.has(strategy)
	switch {
	case from.labelled() && holdsSecret(e.value):
		w.refuse(d, entry{label: e.label}, from, hint("a label must never hold a secret, everybody can read it", secretRemedy))
		return false
	case from.labelled() && key.Available && !fits:
		w.misfit(d, e, from, key, strategy)
		e, from = entry{value: key.fallback}, fromTable
	case !fits && !from.labelled():
		e, from = entry{value: key.fallback}, fromTable
	}
	if from == fromContainer {
		w.used[e.label] = true
	}
	if from == fromTable {
		if e.value != "" {
			if err := key.set(d, e.value); err != nil { // the built-in target may not exist
				w.refuse(d, entry{label: w.d.prefix + key.Name, value: e.value}, fromContainer, err)
			}
		}
		return true
	}
	if key.Name == "strategy" {
		return true // done before all others
	}
	if err := key.check(d, e.value); err != nil {
		if strings.HasPrefix(key.Name, "password-") {
			e.value = "" // may well be the password itself
		}
		w.refuse(d, e, from, err)
		return false
	}
	return true
}

// misfit is a key that the strategy has no use for. Unnamed ones may be meant for another job of the container.
func (w *work) misfit(d *draft, e entry, from source, key Key, strategy Strategy) {
	remedy := "take it out, or choose another strategy"
	if key.fit == fitsCommands {
		remedy = "take it out, or write " + w.d.prefix + "strategy=exec"
	}
	f := w.finding(d, e, from, hint(
		fmt.Sprintf("%s has no effect with the strategy %s; it is for %s", key.Name, strategy.Name, key.fit), remedy))
	if from == fromJob || len(w.set.named) == 0 {
		w.found = append(w.found, f)
		return
	}
	w.unfit = append(w.unfit, f)
}

func (w *work) finding(d *draft, e entry, from source, err error) finding {
	why, suggestion := split(err)
	if err == errLater && suggestion == "" { //nolint:errorlint // the very value, not a wrapped one
		suggestion = "take it out until it is"
	}
	return finding{inherited: from != fromJob, Problem: Problem{
		Job: d.Name, Label: e.label, Value: shown(e.value), Why: why, Suggestion: suggestion,
	}}
}

func (w *work) refuse(d *draft, e entry, from source, err error) {
	w.found = append(w.found, w.finding(d, e, from, err))
}

// schedule comes after the time zone is known.
func (w *work) schedule(d *draft, own map[string]entry, ok map[string]bool) {
	key, _ := findKey(w.d.keys, "schedule")
	e, from := w.lookup(own, key)
	if !ok["schedule"] {
		return
	}
	if !ok["timezone"] {
		d.zone = time.UTC
	}
	var err error
	if d.Schedule, err = parseScheduleIn(d.spec, d.zone, w.d.cfg.MinInterval); err != nil {
		if e.label == "" {
			e.label = w.d.prefix + "schedule"
		}
		w.refuse(d, e, from, err)
		return
	}
	interval := d.Schedule.Interval()
	if interval > 0 && d.Jitter >= interval {
		jitter, _ := findKey(w.d.keys, "jitter")
		if j, from := w.lookup(own, jitter); from.labelled() {
			w.refuse(d, j, from, hint("it is not shorter than the time between two runs, "+formatDuration(interval), "choose a shorter one"))
			return
		}
		d.Jitter = (interval / 2).Truncate(time.Second) // a default is bent, not refused: it is meant for all jobs
	}
}

// commands checks what only the exec strategy has.
func (w *work) commands(d *draft, own map[string]entry, s Strategy) {
	if s.Name != "exec" || d.DumpCommand != "" {
		return
	}
	key, _ := findKey(w.d.keys, "dump-command")
	e, from := w.lookup(own, key)
	if from.labelled() {
		return // refused already
	}
	e.label = w.d.prefix + key.Name
	w.refuse(d, e, from, hint("the exec strategy has nothing to run", "write what writes the backup to its standard output"))
}

func (w *work) quorum(d *draft, own map[string]entry) {
	key, _ := findKey(w.d.keys, "quorum")
	e, from := w.lookup(own, key)
	d.Quorum = d.quorum
	if d.quorum == 0 || (d.quorum > len(d.Targets) && !from.labelled()) {
		d.Quorum = len(d.Targets)
	}
	if d.Quorum > len(d.Targets) && len(d.Targets) > 0 {
		w.refuse(d, e, from, hint(fmt.Sprintf("more than the %d targets of this job", len(d.Targets)), "write all"))
	}
}
