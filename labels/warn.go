package labels

import (
	"fmt"
	"slices"
)

// warn tells what works but what the owner should know.
func (w *work) warn(d *draft, own map[string]entry, s Strategy) {
	if d.RPO > 0 && d.Schedule.Interval() > d.RPO {
		w.warning(d, own, "rpo", fmt.Sprintf("runs are %s apart, so the job is unhealthy between them", formatDuration(d.Schedule.Interval())),
			"run it more often, or allow an older backup")
	}
	if s.Name == "sqlite" && d.Quiesce == "pause" {
		w.warning(d, own, "quiesce", "a paused container keeps the locks that it holds at that moment: the backup may find the database locked",
			"write none, which is enough for SQLite, or stop")
	}
	switch {
	case s.Name == "volume" && w.known:
		w.warnKnownEngine(d, own)
	case s.Name == "volume":
		w.warnDataDirectory(d, own)
	case s.Name == "exec" && d.RestoreCommand == "":
		w.warning(d, own, "restore-command", "there is none, so `restore` refuses this job; its backups can be fetched with --stdout and --to-dir",
			"write what reads the backup from its standard input")
	case w.known && w.engine.Name != s.Name && !s.Files && s.Name != "exec":
		w.warning(d, own, "strategy", fmt.Sprintf("the image %s looks like a %s", w.c.Image, w.engine.Name), "take the label out unless you know better")
	}
}

// warnKnownEngine: somebody asked for the files of a database that has a strategy of its own.
func (w *work) warnKnownEngine(d *draft, own map[string]entry) {
	better := w.d.prefix + "strategy=" + w.engine.Name
	if !w.engine.Available {
		better = w.d.prefix + "quiesce=stop until the strategy " + w.engine.Name + " is available"
	}
	why := fmt.Sprintf("the image is a %s: its own dump is smaller and fits other versions, its files fit only this one", w.engine.Name)
	if d.Quiesce == "none" {
		why = fmt.Sprintf("the files of a running %s are read while it writes them: such a copy may not start again", w.engine.Name)
		if w.engine.Available {
			better += ", or " + w.d.prefix + "quiesce=stop"
		}
	}
	w.warning(d, own, "strategy", why, better)
}

// warnDataDirectory finds a database's files behind an image that nobody knows, or on a volume shared with one.
func (w *work) warnDataDirectory(d *draft, own map[string]entry) {
	if e, ok := foreign(w.c.Image); ok && d.Quiesce == "none" {
		w.warning(d, own, "strategy", fmt.Sprintf("%s writes to its files while they are read: such a copy may not start again", e.name), e.remedy(w.d.prefix))
		return
	}
	for _, m := range w.chosenMounts(d) {
		engine, shared := w.databases[mountKey(m)]
		if !shared && d.Quiesce == "none" {
			engine = engineAt(m.Destination)
		}
		if engine == "" {
			continue
		}
		why := fmt.Sprintf("%s holds the files of a %s, which are read while it writes them: such a copy may not start again", m.Destination, engine)
		better := w.d.prefix + "strategy=" + engine + ", or " + w.d.prefix + "quiesce=stop"
		if shared {
			better = w.d.prefix + "strategy=" + engine + " on the container that runs the database"
		}
		w.warning(d, own, "strategy", why, better)
		return
	}
}

// chosenMounts are the mounts that the job reads.
func (w *work) chosenMounts(d *draft) []Mount {
	if len(d.Paths) == 0 {
		return readableMounts(w.c)
	}
	var out []Mount
	for _, p := range d.Paths {
		if m, ok := mountOf(w.c, p); ok && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// engineAt knows the folders where databases keep their files.
func engineAt(folder string) string {
	for _, known := range []struct{ folder, engine string }{
		{"/var/lib/postgresql", "postgres"}, {"/var/lib/pgsql", "postgres"}, {"/bitnami/postgresql", "postgres"},
		{"/home/postgres/pgdata", "postgres"}, {"/var/lib/mysql", "mysql"}, {"/bitnami/mysql", "mysql"},
		{"/bitnami/mariadb", "mysql"}, {"/data/db", "mongo"}, {"/var/lib/mongodb", "mongo"}, {"/bitnami/mongodb", "mongo"},
		{"/var/lib/redis", "redis"}, {"/bitnami/redis", "redis"}, {"/bitnami/valkey", "redis"},
	} {
		if below(folder, known.folder) {
			return known.engine
		}
	}
	return ""
}

// databaseMounts are the volumes and host folders that known databases keep their data on.
func (d *Decoder) databaseMounts(all []Container) map[string]string {
	out := map[string]string{}
	for _, c := range all {
		if engine, known := d.detect(c.Image); known {
			for _, m := range stateMounts(c) {
				if key := mountKey(m); key != "" {
					out[key] = engine.Name
				}
			}
		}
	}
	return out
}

// mountKey is the same for two mounts of one thing; empty for a volume without a name in a file that never ran.
func mountKey(m Mount) string {
	switch {
	case m.Name != "":
		return "volume " + m.Name
	case m.Source != "":
		return "bind " + m.Source
	}
	return ""
}

func (w *work) warning(d *draft, own map[string]entry, key, why, suggestion string) {
	k, _ := findKey(w.d.keys, key)
	e, _ := w.lookup(own, k)
	if e.label == "" {
		e = entry{label: w.d.prefix + key}
	}
	w.warnings = append(w.warnings, Warning{
		Identity: w.id, Job: d.Name, Label: e.label, Value: shown(e.value), Why: why, Suggestion: suggestion,
	})
}
