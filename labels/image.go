package labels

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var imageID = regexp.MustCompile(`^([0-9a-f]{12}|[0-9a-f]{64})$`)

// repository is an image's name without registry, tag and digest; empty for a bare id, which is all that the engine
// shows once a tag has moved on to another image.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if bareID(image) {
		return ""
	}
	parts := strings.Split(strings.ToLower(image), "/")
	if len(parts) > 1 && (strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost") {
		parts = parts[1:]
	}
	last := len(parts) - 1
	parts[last], _, _ = strings.Cut(parts[last], ":")
	return strings.Join(parts, "/")
}

func bareID(image string) bool {
	return strings.HasPrefix(image, "sha256:") || imageID.MatchString(image)
}

// detect is the strategy that an image's name suggests, available or not. A name that suggests several suggests none.
func (d *Decoder) detect(image string) (Strategy, bool) {
	if found := d.candidates(image); len(found) == 1 {
		return found[0], true
	}
	return Strategy{}, false
}

// candidates are all strategies that an image's name suggests.
func (d *Decoder) candidates(image string) []Strategy {
	name := repository(image)
	if name == "" || aside(path.Base(name)) {
		return nil
	}
	var found []Strategy
	for _, s := range d.cfg.Strategies {
		if fitsAny(s.Images, name) {
			found = append(found, s)
		}
	}
	return found
}

func fitsAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return fits(pattern, name) })
}

// fits compares from the right, so that a mirror's folders in front do not matter: "postgres" is the last part of
// the name, "bitnami/postgresql" the last two. A star stands for anything within a part.
func fits(pattern, name string) bool {
	want, have := strings.Split(strings.ToLower(pattern), "/"), strings.Split(name, "/")
	if len(have) < len(want) {
		return false
	}
	have = have[len(have)-len(want):]
	for i := range want {
		if ok, err := path.Match(want[i], have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// aside reports an image that stands beside a database without being one: what speaks to it, watches it, or spreads
// its connections holds none of its data.
func aside(name string) bool {
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		switch word {
		case "exporter", "admin", "express", "commander", "insight", "redisinsight", "client", "cli", "ui", "gui", "web",
			"backup", "backups", "dump", "restore", "operator", "proxy", "router", "pooler", "sentinel", "agent", "monitor",
			"init", "migrate", "migrations", "pgadmin", "pgadmin4", "phpmyadmin", "adminer", "pgbouncer", "pgpool", "pgcat",
			"odyssey", "proxysql", "proxysql2", "maxscale", "haproxy", "twemproxy", "envoy", "pgweb", "cloudbeaver":
			return true
		}
	}
	return false
}
