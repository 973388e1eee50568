package labels

import (
	"fmt"
	"path"
	"strings"
)

// foreignEngine is a database that has no strategy of its own, and whose files must not be copied while it writes
// them: a command of its own can dump it.
type foreignEngine struct {
	name   string
	images []string
	page   string // of the documentation
}

func foreignEngines() []foreignEngine {
	const anyPage = "docs/strategies/exec.md"
	recipe := func(name string) string { return "docs/recipes/" + name + ".md" }
	return []foreignEngine{
		{"ClickHouse", []string{"clickhouse", "clickhouse-server"}, recipe("clickhouse")},
		{"InfluxDB", []string{"influxdb", "influxdb3-core", "influxdb3-enterprise"}, recipe("influxdb")},
		{"Neo4j", []string{"neo4j"}, recipe("neo4j")},
		{"Elasticsearch", []string{"elasticsearch"}, recipe("elasticsearch")},
		{"OpenSearch", []string{"opensearch"}, recipe("elasticsearch")},
		{"etcd", []string{"etcd"}, recipe("etcd")},
		{"OpenLDAP", []string{"openldap", "slapd"}, recipe("ldap")},
		{"Cassandra", []string{"cassandra", "scylla"}, anyPage},
		{"CockroachDB", []string{"cockroach"}, anyPage},
		{"Couchbase", []string{"couchbase"}, anyPage},
		{"ArangoDB", []string{"arangodb"}, anyPage},
		{"Firebird", []string{"firebird"}, anyPage},
		{"SQL Server", []string{"mssql/server"}, anyPage},
		{"YugabyteDB", []string{"yugabyte"}, anyPage},
	}
}

// foreign is the engine without a strategy that an image's name suggests.
func foreign(image string) (foreignEngine, bool) {
	name := repository(image)
	if name == "" || aside(path.Base(name)) {
		return foreignEngine{}, false
	}
	for _, e := range foreignEngines() {
		if fitsAny(e.images, name) {
			return e, true
		}
	}
	return foreignEngine{}, false
}

func (e foreignEngine) remedy(prefix string) string {
	return fmt.Sprintf("write %sstrategy=exec with a dump-command (%s), or %squiesce=stop to copy its files while it stands still", prefix, e.page, prefix)
}

// ambiguous refuses to guess at an image that may be one thing or another. What it takes for plain files has to be
// that: the files of a running database look like a backup and may not start again.
func (w *work) ambiguous(own map[string]entry) error {
	if several := w.d.candidates(w.c.Image); len(several) > 1 {
		var names, remedies []string
		for _, s := range several {
			names, remedies = append(names, s.Name), append(remedies, w.d.prefix+"strategy="+s.Name)
		}
		return hint(fmt.Sprintf("the image %s may be any of %s", w.c.Image, strings.Join(names, ", ")), "write "+strings.Join(remedies, " or "))
	}
	if w.held(own) {
		return nil
	}
	if engine, ok := foreign(w.c.Image); ok {
		return hint(fmt.Sprintf("the image %s runs %s, which has no strategy of its own, and a copy of its files while it writes them may not start again",
			w.c.Image, engine.name), engine.remedy(w.d.prefix))
	}
	paths, _ := findKey(w.d.keys, "paths")
	if _, named := w.lookup(own, paths); named.labelled() {
		return nil
	}
	for _, m := range stateMounts(w.c) {
		engine := engineAt(m.Destination)
		if _, elsewhere := w.databases[mountKey(m)]; engine == "" || elsewhere {
			continue
		}
		return hint(fmt.Sprintf("the image %s is none that is known, but %s is where a %s keeps its files", w.c.Image, m.Destination, engine),
			fmt.Sprintf("write %sstrategy=%s if it is one; if not, %sstrategy=volume", w.d.prefix, engine, w.d.prefix))
	}
	return nil
}

// held says whether the job's container stands still while its files are read.
func (w *work) held(own map[string]entry) bool {
	key, _ := findKey(w.d.keys, "quiesce")
	e, _ := w.lookup(own, key)
	return strings.EqualFold(e.value, "stop") || strings.EqualFold(e.value, "pause")
}
