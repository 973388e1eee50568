package runner_test

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// namedDatabase is an engine with the databases shop and blog, and the way to talk to it.
type namedDatabase struct {
	strategy string
	start    func(t testing.TB, opt enginetest.RunOptions) *enginetest.Container
	make     string // shop and blog, with one row each, the word old
	drop     func(name string) string
	rows     func(name string) string
	change   string // shop's row
	talk     []string
}

func namedDatabases() map[string]namedDatabase {
	return map[string]namedDatabase{
		"postgres": {
			strategy: "postgres",
			start: func(t testing.TB, opt enginetest.RunOptions) *enginetest.Container {
				return enginetest.StartPostgres(t, "17", opt)
			},
			make:   "create database shop;\ncreate database blog;\n\\c shop\ncreate table t as select 'old' as word;\n\\c blog\ncreate table t as select 'old' as word;\n",
			drop:   func(name string) string { return "drop database " + name + ";" },
			rows:   func(name string) string { return "\\c " + name + "\nselect word from t;\n" },
			change: "\\c shop\nupdate t set word = 'new';\n",
			talk:   []string{"psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt"},
		},
		"mariadb": {
			strategy: "mysql",
			start: func(t testing.TB, opt enginetest.RunOptions) *enginetest.Container {
				return enginetest.StartMySQL(t, "mariadb:10.11", opt)
			},
			make:   "create database shop; create table shop.t as select 'old' as word; create database blog; create table blog.t as select 'old' as word;",
			drop:   func(name string) string { return "drop database " + name + ";" },
			rows:   func(name string) string { return "select word from " + name + ".t;" },
			change: "update shop.t set word = 'new';",
			talk:   []string{"sh", "-c", "MYSQL_PWD=secret mariadb -N -uroot"},
		},
	}
}

// A rebuilt service has none of the databases that its backup names: there is nothing to save, and no reason to refuse.
func TestRestore_NamedDatabasesThatAreNotThereNeedNoSafetyBackup(t *testing.T) {
	for name, n := range namedDatabases() {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			c := n.start(t, enginetest.RunOptions{Labels: a.labels("db", map[string]string{
				"strategy": n.strategy, "schedule": "manual", "retries": "0", "databases": "shop, blog",
			})})
			c.ExecInput(t, strings.NewReader(n.make), n.talk...)
			a.start()
			good := a.succeeded(a.run("db"))
			held := a.held("db")

			c.ExecInput(t, strings.NewReader(n.drop("shop")+"\n"+n.drop("blog")), n.talk...)
			req := runner.RestoreRequest{Project: a.project, Service: "db"}
			plan, err := a.runner.PlanRestore(t.Context(), req)
			a.must(err)
			if plan.Safety || !plan.NothingHere || !strings.Contains(strings.Join(plan.Notes, "\n"), "none of the databases of the backup is there yet (shop, blog)") {
				t.Errorf("the plan says safety %t and %q", plan.Safety, plan.Notes)
			}
			row := a.restore(req)
			if row.State != store.Succeeded || row.SafetyRun != "" || a.held("db") != held {
				t.Fatalf("restore is %s: %s; safety run %q, %d backups", row.State, row.Error, row.SafetyRun, a.held("db"))
			}
			n.holds(t, c, "shop", "old")
			n.holds(t, c, "blog", "old")

			c.ExecInput(t, strings.NewReader(n.change+n.drop("blog")), n.talk...)
			row = a.restore(runner.RestoreRequest{Service: "db", RunID: good.ID})
			if row.State != store.Succeeded || row.SafetyRun == "" {
				t.Fatalf("restore is %s: %s; safety run %q", row.State, row.Error, row.SafetyRun)
			}
			n.holds(t, c, "shop", "old")
			n.holds(t, c, "blog", "old")
			safety, err := a.store.Run(t.Context(), row.SafetyRun)
			a.must(err)
			if said := strings.Join(safety.Warnings, "\n"); safety.State != store.Succeeded || !strings.Contains(said, "blog") || strings.Contains(said, "shop") {
				t.Errorf("the safety backup is %s with the warnings %q", safety.State, safety.Warnings)
			}
			if row = a.restore(runner.RestoreRequest{Service: "db", RunID: row.SafetyRun, NoSafety: true}); row.State != store.Succeeded {
				t.Fatalf("restore of the safety backup is %s: %s", row.State, row.Error)
			}
			n.holds(t, c, "shop", "new")
			n.holds(t, c, "blog", "old")
		})
	}
}

func (n namedDatabase) holds(t *testing.T, c *enginetest.Container, name, want string) {
	t.Helper()
	if got := c.ExecInput(t, strings.NewReader(n.rows(name)), n.talk...); got != want {
		t.Errorf("%s holds %q, want %q", name, got, want)
	}
}
