package status

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// APIReference is docs/reference/api.md.
func APIReference() string {
	var b strings.Builder
	b.WriteString(`# HTTP API

The appliance serves this on ` + "`SIMPLEDEPLOY_LISTEN`" + ` (` + "`:8080`" + `) and, without a token, on the control socket
` + "`DATA_DIR/run/control.sock`" + `, which only its own user can open. The command line uses the socket; ` + "`--json`" + ` prints the
same objects.

| over TCP | no ` + "`SIMPLEDEPLOY_TOKEN`" + ` set | token set, not sent | token sent |
|---|---|---|---|
| open | answered | answered | answered |
| read | answered | 401 | answered |
| write | 403 | 401 | answered |

The token is sent as ` + "`Authorization: Bearer TOKEN`" + `. For reading, a browser may send it as the password of Basic
authentication, with any user name. A write from another web site's page is refused. Times are RFC 3339 in UTC. An
unknown parameter or field is an error. Errors are ` + "`application/problem+json`" + `: ` + "`type`, `title`, `status`, `detail`" + `.

`)
	for _, part := range []struct {
		title  string
		routes []route
	}{{"For probes and people", probeRoutes()}, {"Reading", readRoutes()}, {"Writing", writeRoutes()}} {
		fmt.Fprintf(&b, "## %s\n\n| route | access | answer | |\n|---|---|---|---|\n", part.title)
		for _, rt := range part.routes {
			doc := rt.Doc
			if rt.Query != "" {
				doc += " Parameters: " + rt.Query + "."
			}
			if rt.Body != "" {
				doc += " Body: " + rt.Body + "."
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s |\n", rt.Method, rt.Path, rt.Access, rt.Answer, doc)
		}
		b.WriteByte('\n')
	}
	b.WriteString("## Objects\n\nA field in *italics* is left out when it is empty.\n\n")
	for _, v := range []any{
		Status{}, Totals{}, Project{}, Job{}, LastRun{}, Run{}, Artifact{}, Hook{}, Progress{}, Restore{}, Service{}, Mount{},
		TargetView{}, TargetTest{}, Problem{}, Event{}, Group{}, GroupRun{}, Ready{}, runner.Health{}, runner.PlanView{}, runner.NextRun{},
		runner.PruneResult{}, runner.RestorePlan{}, RestoreRequest{}, runner.GroupRestorePlan{}, GroupRestoreRequest{}, store.DBStatus{},
	} {
		t := reflect.TypeOf(v)
		fmt.Fprintf(&b, "**%s**: %s\n\n", shownName(t), strings.Join(fields(t), ", "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// fields lists a struct's JSON fields with their types.
func fields(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, fields(f.Type)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		name = "`" + name + "`"
		if strings.Contains(options, "omit") {
			name = "*" + name + "*"
		}
		out = append(out, name+" "+kindOf(f.Type))
	}
	return out
}

func kindOf(t reflect.Type) string {
	switch {
	case t.String() == "time.Time":
		return "time"
	case t.String() == "json.RawMessage":
		return "object"
	case t.Kind() == reflect.Pointer:
		return kindOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return "[" + kindOf(t.Elem()) + "]"
	case t.Kind() == reflect.Struct:
		return shownName(t)
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	}
	return "number"
}

// shownName is a type's name in the reference.
func shownName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[TargetView]():
		return "Target"
	case reflect.TypeFor[runner.PlanView]():
		return "Plan"
	}
	return t.Name()
}

// MetricsReference is docs/reference/metrics.md.
func MetricsReference() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n`GET /metrics` in Prometheus' text format. With a token set, Prometheus sends it as its\n" +
		"`authorization` credentials. Go's own and the process's metrics come along.\n\n| metric | type | labels | |\n|---|---|---|---|\n")
	for _, m := range metricTable() {
		kind := "gauge"
		if m.Type == prometheus.CounterValue {
			kind = "counter"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", metricPrefix, m.Name, kind, strings.Join(m.Labels, ", "), m.Doc)
	}
	b.WriteString(`
Two alerts worth having:

` + "```yaml" + `
- alert: BackupTooOld
  expr: time() - simpledeploy_backup_last_success_timestamp_seconds > simpledeploy_backup_rpo_seconds
- alert: BackupFailed
  expr: increase(simpledeploy_backup_runs_total{state=~"failed|interrupted"}[1d]) > 0
` + "```" + `
`)
	return b.String()
}
