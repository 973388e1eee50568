package labels

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// strategy settles which one reads the job's data; an empty name: none can, and why was found.
func (w *work) strategy(d *draft, own map[string]entry) Strategy {
	key, _ := findKey(w.d.keys, "strategy")
	e, from := w.lookup(own, key)
	if from.labelled() && holdsSecret(e.value) {
		return Strategy{} // told by the pass over all keys
	}
	if err := key.check(d, e.value); err != nil {
		w.refuse(d, e, from, err)
		return Strategy{}
	}
	if e.label == "" {
		e.label = w.d.prefix + "strategy"
	}
	if d.strategy != "auto" {
		s := w.d.strategyCalled(d.strategy)
		if !s.Available {
			w.refuse(d, e, from, errLater)
			return Strategy{}
		}
		return s
	}
	s, err := w.automatic(own)
	if err != nil {
		w.refuse(d, entry{label: e.label, value: e.value}, from, err)
	}
	return s
}

func (d *Decoder) strategyCalled(word string) Strategy {
	i := slices.IndexFunc(d.cfg.Strategies, func(s Strategy) bool { return s.Name == word || slices.Contains(s.Aliases, word) })
	if i < 0 {
		return Strategy{}
	}
	return d.cfg.Strategies[i]
}

// automatic goes by the image. A database that is known but cannot be dumped yet is never read as mere files: such a
// copy looks like a backup and may not start again.
func (w *work) automatic(own map[string]entry) (Strategy, error) {
	pathsKey, _ := findKey(w.d.keys, "paths")
	_, named := w.lookup(own, pathsKey)
	volume := w.d.strategyCalled("volume")
	asFiles := w.d.prefix + "strategy=volume with " + w.d.prefix + "quiesce=stop reads its files instead"
	switch {
	case w.known && w.engine.Available:
		return w.engine, nil
	case w.known:
		return Strategy{}, hint(fmt.Sprintf("the image %s is a %s, and that strategy is not available in this version", w.c.Image, w.engine.Name), asFiles)
	case repository(w.c.Image) == "":
		return Strategy{}, hint(
			fmt.Sprintf("the image has no name any more, only the id %s, so what runs in it cannot be seen", shown(w.c.Image)),
			"name the strategy in a label, or re-create the container from a tagged image")
	}
	if err := w.ambiguous(own); err != nil {
		return Strategy{}, err
	}
	switch {
	case !volume.Available:
		return Strategy{}, hint(fmt.Sprintf("the image %s is none that is known", w.c.Image), "name the strategy in a label")
	case len(readableMounts(w.c)) == 0 && !named.labelled():
		return Strategy{}, hint(
			fmt.Sprintf("there is nothing to back up: the image %s is no known database, and the container has no volume", w.c.Image),
			"name the strategy in a label, or mount a volume where it keeps its data")
	}
	return volume, nil
}

// files checks what only strategies that read files have: paths, and holding the container meanwhile.
func (w *work) files(d *draft, own map[string]entry, s Strategy) {
	if !s.Files {
		return
	}
	quiesce, _ := findKey(w.d.keys, "quiesce")
	if e, from := w.lookup(own, quiesce); d.Quiesce != "none" && d.Quiesce != "" && inSwarm(w.c) {
		if from.labelled() {
			w.refuse(d, e, from, hint("a container of a Swarm service is never held: the orchestrator would replace it", "write none"))
		}
		d.Quiesce = "none"
	}
	key, _ := findKey(w.d.keys, "paths")
	e, from := w.lookup(own, key)
	if len(d.Paths) == 0 {
		if !from.labelled() && len(readableMounts(w.c)) == 0 {
			w.refuse(d, entry{label: w.d.prefix + "paths"}, from, hint(
				"there is nothing to back up: the container has no volume, and no bind below its project's folder",
				"mount a volume, or name the paths of other binds"))
		}
		return
	}
	for _, p := range d.Paths {
		if err := onMount(w.c, staticPart(p, s.Name)); err != nil {
			w.refuse(d, e, from, err)
			return
		}
	}
	d.Paths = withoutNested(w.c, d.Paths)
}

// staticPart is the folder before the first wildcard; only sqlite looks for files by pattern.
func staticPart(p, strategy string) string {
	if i := strings.IndexAny(p, "*?["); i >= 0 && strategy == "sqlite" {
		return path.Clean(p[:strings.LastIndex(p[:i+1], "/")+1])
	}
	return p
}

// onMount refuses a path in the container's own layer, which is gone with the container and which the helper cannot
// mount.
func onMount(c Container, p string) error {
	if m, ok := mountOf(c, p); ok {
		if m.Type == "tmpfs" {
			return hint(fmt.Sprintf("%s is on a tmpfs, which is in memory only", p), "keep the data on a volume")
		}
		return nil
	}
	suggestion := "mount a volume there; this container has no mounts"
	if places := destinations(c.Mounts); len(places) > 0 {
		suggestion = "mount a volume there, or name a path on one of " + strings.Join(places, ", ")
	}
	return hint(fmt.Sprintf("%s is on no mount of the container", p), suggestion)
}

// mountOf is the innermost mount that the path lies on.
func mountOf(c Container, p string) (Mount, bool) {
	best, ok := Mount{}, false
	for _, m := range c.Mounts {
		if below(p, m.Destination) && (!ok || len(m.Destination) > len(best.Destination)) {
			best, ok = m, true
		}
	}
	return best, ok
}

// below reports p to be the folder or something in it.
func below(p, folder string) bool {
	folder = path.Clean(folder)
	return p == folder || folder == "/" || strings.HasPrefix(p, folder+"/")
}

// withoutNested drops a path that another one on the same mount holds already.
func withoutNested(c Container, paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		return slices.ContainsFunc(paths, func(outer string) bool {
			a, _ := mountOf(c, p)
			b, _ := mountOf(c, outer)
			return p != outer && below(p, outer) && a.Destination == b.Destination
		})
	})
}

// readableMounts are those that strategies read by default: volumes, and binds below the project's folder.
func readableMounts(c Container) []Mount {
	project := c.Labels[composeWorkingDir]
	return sorted(slices.DeleteFunc(slices.Clone(c.Mounts), func(m Mount) bool {
		switch m.Type {
		case "volume":
			return false
		case "bind":
			return project == "" || !below(m.Source, project) || strings.HasSuffix(m.Source, ".sock")
		}
		return true
	}))
}

// stateMounts are those of them that the container can write to.
func stateMounts(c Container) []Mount {
	return slices.DeleteFunc(readableMounts(c), func(m Mount) bool { return !m.ReadWrite })
}

func sorted(mounts []Mount) []Mount {
	slices.SortFunc(mounts, func(a, b Mount) int { return cmp.Compare(a.Destination, b.Destination) })
	return mounts
}

func destinations(mounts []Mount) []string {
	var out []string
	for _, m := range sorted(slices.Clone(mounts)) {
		if m.Type == "volume" || m.Type == "bind" {
			out = append(out, m.Destination)
		}
	}
	return out
}

// suggest lists the strategies that fit, with reasons.
func suggest(c Container, engine Strategy) []string {
	var out []string
	if engine.Name != "" {
		reason := engine.Name + ": the image is " + c.Image
		if !engine.Available {
			reason += " (not available in this version)"
		}
		out = append(out, reason)
	}
	if e, ok := foreign(c.Image); ok {
		out = append(out, "exec: the image runs "+e.name+" ("+e.page+")")
	}
	if places := destinations(readableMounts(c)); len(places) > 0 {
		reason := "volume: data on " + strings.Join(places, ", ")
		if len(out) == 0 { // no image's name tells that there is a SQLite file inside
			reason += " (if a SQLite file is in it: strategy sqlite)"
		}
		out = append(out, reason)
	}
	return out
}
