package runner_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// postgres starts a database of the test's project with rows in it.
func (a *appliance) postgres(rows int, keys map[string]string) *enginetest.Container {
	a.t.Helper()
	if keys == nil {
		keys = map[string]string{}
	}
	keys["schedule"], keys["strategy"] = "manual", "postgres"
	c := enginetest.StartPostgres(a.t, "17", enginetest.RunOptions{Labels: a.labels("db", keys), Env: []string{"POSTGRES_PASSWORD=secret", "POSTGRES_DB=shop"}})
	c.Exec(a.t, "psql", "-U", "postgres", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-qc",
		fmt.Sprintf("create table orders as select i as id, md5(i::text) as note from generate_series(1, %d) i", rows))
	return c
}

// digest counts and sums the rows.
func digest(t *testing.T, c *enginetest.Container) string {
	t.Helper()
	return c.Exec(t, "psql", "-U", "postgres", "-d", "shop", "-Atc", "select count(*), sum(hashtext(note)::bigint) from orders")
}

func TestRun_PostgresIsBackedUpAndRestoredAfterItsTablesAreDropped(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(50_000, nil)
	before := digest(t, c)
	a.start()
	run := a.succeeded(a.run("db"))
	if !strings.Contains(string(run.Proof), "50000") || run.EngineVersion == "" {
		t.Errorf("the record lacks the rows or the version: %s %q", run.Proof, run.EngineVersion)
	}
	c.Exec(t, "psql", "-U", "postgres", "-d", "shop", "-qc", "drop table orders")
	row := a.restore(runner.RestoreRequest{Service: "db"})
	if row.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if after := digest(t, c); after != before {
		t.Errorf("restored %s, want %s", after, before)
	}
	safety, err := a.store.Run(t.Context(), row.SafetyRun)
	a.must(err)
	if safety.State != store.Succeeded || safety.Trigger != "safety" {
		t.Errorf("the safety backup is %s (%s)", safety.State, safety.Error)
	}
}

func TestRun_PostgresKilledInTheMiddleOfADumpIsFailedAndListedNowhere(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(3_000_000, map[string]string{"retries": "0"})
	a.start()
	a.declared("db")
	ids, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project, Service: "db"})
	a.must(err)
	a.until("the dump streams", func() bool {
		p, ok := a.runner.Progress(ids[0])
		return ok && p.RawBytes > 5_000_000
	})
	enginetest.Docker(t, "kill", c.ID)
	a.failedWith(a.ended(ids[0]), "container")
}

func TestRun_PostgresThatCannotBeDumpedIsFailed(t *testing.T) {
	for name, breakIt := range map[string]struct{ env, command string }{
		"wrong password":             {command: `echo "host all all all scram-sha-256" > "$PGDATA/pg_hba.conf"; echo "local all all scram-sha-256" >> "$PGDATA/pg_hba.conf"; psql -U postgres -c "alter role postgres password 'other'" -c "select pg_reload_conf()"`},
		"missing pg_dump":            {command: `for f in $(which -a pg_dump) /usr/lib/postgresql/*/bin/pg_dump; do rm -f "$f"; done`},
		"dump that writes nothing":   {command: `for f in $(which -a pg_dump) /usr/lib/postgresql/*/bin/pg_dump; do rm -f "$f"; printf '#!/bin/sh\nexit 0\n' > "$f"; chmod 755 "$f"; done`},
		"dump that ends too early":   {command: `for f in /usr/lib/postgresql/*/bin/pg_dump; do mv "$f" "$f.real"; printf '#!/bin/sh\n%s "$@" | head -c 3000\nexit 0\n' "$f.real" > "$f"; chmod 755 "$f"; done`},
		"dump that fails at its end": {command: `for f in /usr/lib/postgresql/*/bin/pg_dump; do mv "$f" "$f.real"; printf '#!/bin/sh\n%s "$@"\nexit 3\n' "$f.real" > "$f"; chmod 755 "$f"; done`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			c := a.postgres(100, map[string]string{"retries": "0"})
			c.Exec(t, "sh", "-c", breakIt.command)
			a.start()
			run := a.run("db")
			if run.Cause != "dump" && run.Cause != "proof" {
				t.Errorf("cause is %q: %s", run.Cause, run.Error)
			}
			a.failedWith(run, run.Cause)
			if strings.Contains(run.Error, "secret") {
				t.Errorf("the error shows the password: %s", run.Error)
			}
		})
	}
}

// smallTarget is a target called small, on a disk of three MiB.
func (a *appliance) smallTarget() string {
	a.t.Helper()
	small := filepath.Join(a.t.TempDir(), "small")
	a.must(os.Mkdir(small, 0o700))
	if out, err := exec.CommandContext(a.t.Context(), "mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small).CombinedOutput(); err != nil {
		a.t.Skipf("a small disk needs the right to mount: %v: %s", err, out)
	}
	a.t.Cleanup(func() { _ = exec.Command("umount", small).Run() })
	a.paths["small"] = small
	return small
}

func TestRun_FullTargetGetsNothingAndTheOtherHoldsTheBackup(t *testing.T) {
	a := newAppliance(t)
	small := a.smallTarget()
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "target": "small,local"})
	c.Exec(t, "sh", "-c", "head -c 8000000 /dev/urandom > /files/big")
	a.start()
	run := a.run("app")
	if run.State != store.Partial || !strings.Contains(run.Error, "small") {
		t.Errorf("run is %s (%s): %s; want partial, naming the full target", run.State, run.Cause, run.Error)
	}
	if left := a.files(small); len(left) != 0 {
		t.Errorf("the full target holds %v", left)
	}
	if got := a.files(a.backups()); len(got) != 2 {
		t.Errorf("local holds %v, want one backup", got)
	}
}

func TestRun_ApplianceKilledBetweenCommitAndRecordKeepsTheBackup(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual"})
	a.start()
	run := a.succeeded(a.run("app"))
	artifact := run.Artifacts[0]
	artifact.State = store.ArtifactFailed
	a.must(a.store.PutArtifact(t.Context(), artifact))
	run.State, run.Cause, run.StoredBytes, run.SHA256 = store.Running, "", 0, ""
	a.must(a.store.UpdateRun(t.Context(), run))
	orphan := filepath.Join(a.backups(), filepath.Dir(artifact.Key), "20200101T000000Z-"+store.NewID()+".tar.zst")
	a.must(os.WriteFile(orphan, []byte("another run's"), 0o600))
	a.stop()
	a.start()
	a.until("the run is taken up again", func() bool {
		got, err := a.store.Run(t.Context(), run.ID)
		a.must(err)
		return got.State == store.Succeeded && len(got.Artifacts) == 1 && got.Artifacts[0].Held()
	})
	if _, err := os.Stat(orphan); err != nil {
		t.Errorf("an object of another run was touched: %v", err)
	}
}

func TestRestore_IntoAnOlderEngineIsRefused(t *testing.T) {
	a := newAppliance(t)
	a.postgres(10, nil)
	enginetest.StartPostgres(t, "15", enginetest.RunOptions{Labels: a.labels("old", map[string]string{"schedule": "manual", "strategy": "postgres"})})
	a.start()
	a.succeeded(a.run("db"))
	_, err := a.runner.StartRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "db", ToProject: a.project, ToService: "old"})
	if err == nil || !strings.Contains(err.Error(), "15") || !strings.Contains(err.Error(), "17") {
		t.Errorf("restore of 17 into 15: %v", err)
	}
}

func TestFindBackup_NeverTakesASafetyBackupForTheNewest(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual"})
	c.Exec(t, "sh", "-c", "echo one > /files/one")
	a.start()
	run := a.succeeded(a.run("app"))
	c.Exec(t, "rm", "/files/one")
	if row := a.restore(runner.RestoreRequest{Service: "app"}); row.State != store.Succeeded || row.SafetyRun == "" {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	plan, err := a.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "app", From: "local"})
	a.must(err)
	if plan.RunID != run.ID {
		t.Errorf("--from chose run %s, want %s", plan.RunID, run.ID)
	}
}
