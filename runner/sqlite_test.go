package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// sqliteService is an application of the test's project with its data in a volume.
func (a *appliance) sqliteService(service string, keys map[string]string) *enginetest.Container {
	a.t.Helper()
	return enginetest.Run(a.t, enginetest.RunOptions{
		Image: enginetest.SQLiteImage(a.t), Volumes: []string{enginetest.Volume(a.t) + ":/data"}, Labels: a.labels(service, keys),
	})
}

func TestRun_SQLiteFromBackupToAFreshService(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "sqlite", "schedule": "manual", "retries": "0"}
	app, fresh := a.sqliteService("app", keys), a.sqliteService("fresh", keys)
	a.sqliteService("empty", keys)
	app.Exec(t, "db", "make", "/data/app.db")
	want := app.Exec(t, "db", "state", "/data/app.db")
	a.start()
	run := a.succeeded(a.run("app"))
	key := run.Artifacts[0].Key
	b, err := os.ReadFile(filepath.Join(a.backups(), key+target.ManifestSuffix))
	a.must(err)
	m, err := target.DecodeManifest(key, b)
	a.must(err)
	if !strings.HasSuffix(key, ".db.zst") || m.Raw.Extension != ".db" || len(m.Files) != 1 || m.Files[0].Path != "/data/app.db" || m.Files[0].UID != 1000 ||
		!strings.Contains(m.Recipe, "/data/app.db-wal") || !strings.Contains(string(m.Proof), `"plain":1000`) && !strings.Contains(string(m.Proof), `"plain": 1000`) {
		t.Errorf("manifest: %s", b)
	}
	t.Run("into the same service after damage", func(t *testing.T) {
		app.Exec(t, "db", "damage", "/data/app.db")
		if row := a.restore(runner.RestoreRequest{Service: "app"}); row.State != store.Succeeded || row.SafetyRun == "" {
			t.Fatalf("restore is %s: %s", row.State, row.Error)
		}
		if d := cmp.Diff(want, app.Exec(t, "db", "state", "/data/app.db")); d != "" {
			t.Errorf("state (-was +is):\n%s", d)
		}
	})
	t.Run("into a fresh one, where nothing is to be saved", func(t *testing.T) {
		row := a.restore(runner.RestoreRequest{Service: "app", RunID: run.ID, ToProject: a.project, ToService: "fresh"})
		if row.State != store.Succeeded || row.SafetyRun != "" {
			t.Fatalf("restore is %s: %s", row.State, row.Error)
		}
		if d := cmp.Diff(want, fresh.Exec(t, "db", "state", "/data/app.db")); d != "" {
			t.Errorf("state (-was +is):\n%s", d)
		}
	})
	t.Run("several are a tar", func(t *testing.T) {
		fresh.Exec(t, "db", "make", "/data/more.db", "delete")
		second := a.succeeded(a.run("fresh"))
		if !strings.HasSuffix(second.Artifacts[0].Key, ".tar.zst") {
			t.Errorf("key %s", second.Artifacts[0].Key)
		}
		both := fresh.Exec(t, "db", "state", "/data/app.db", "/data/more.db")
		fresh.Exec(t, "sh", "-c", "rm /data/more.db; db damage /data/app.db")
		if row := a.restore(runner.RestoreRequest{Service: "fresh", RunID: second.ID}); row.State != store.Succeeded {
			t.Fatalf("restore is %s: %s", row.State, row.Error)
		}
		if d := cmp.Diff(both, fresh.Exec(t, "db", "state", "/data/app.db", "/data/more.db")); d != "" {
			t.Errorf("state (-was +is):\n%s", d)
		}
	})
	t.Run("nothing there is a failure", func(t *testing.T) {
		before := a.files(a.backups())
		if run := a.run("empty"); run.State != store.Failed || !strings.Contains(run.Error, "no SQLite database") {
			t.Errorf("run is %s: %s", run.State, run.Error)
		}
		if d := cmp.Diff(before, a.files(a.backups())); d != "" {
			t.Errorf("it left %s", d)
		}
	})
	if left, err := filepath.Glob(filepath.Join(a.dir, "run", "helper-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// What is too damaged to be dumped is not replaced unasked, and the refusal is what to type.
func TestRestore_OverADamagedSQLiteDatabaseSaysWhatToDo(t *testing.T) {
	for name, damage := range map[string]string{
		"pages":  "dd if=/dev/urandom of=/data/app.db bs=4096 seek=1 count=5 conv=notrunc",
		"header": "dd if=/dev/urandom of=/data/app.db bs=100 count=1 conv=notrunc",
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			app := a.sqliteService("app", map[string]string{"strategy": "sqlite", "schedule": "manual", "retries": "0"})
			app.Exec(t, "db", "make", "/data/app.db", "delete")
			want := app.Exec(t, "db", "state", "/data/app.db")
			a.start()
			good := a.succeeded(a.run("app"))
			app.Exec(t, "sh", "-c", damage+" 2>/dev/null")
			sum := app.Exec(t, "sha256sum", "/data/app.db")
			row := a.restore(runner.RestoreRequest{Service: "app", RunID: good.ID})
			for _, say := range []string{"/data/app.db", "docker stop " + app.Name, "docker cp " + app.Name + ":/data ", "--no-safety", "nothing was changed"} {
				if row.State != store.Failed || !strings.Contains(row.Error, say) {
					t.Errorf("restore is %s and says %q, want %q", row.State, row.Error, say)
				}
			}
			if got := app.Exec(t, "sha256sum", "/data/app.db"); got != sum || a.held("app") != 1 {
				t.Errorf("a refused restore left %s, was %s; %d backups", got, sum, a.held("app"))
			}
			if row = a.restore(runner.RestoreRequest{Service: "app", RunID: good.ID, NoSafety: true}); row.State != store.Succeeded {
				t.Fatalf("restore is %s: %s", row.State, row.Error)
			}
			if d := cmp.Diff(want, app.Exec(t, "db", "state", "/data/app.db")); d != "" {
				t.Errorf("state (-was +is):\n%s", d)
			}
		})
	}
}
