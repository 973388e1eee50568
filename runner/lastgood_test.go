package runner_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

func TestPrune_FailedRunsNeverPushOutTheLastGoodBackup(t *testing.T) {
	a := newAppliance(t)
	c := a.postgres(1000, map[string]string{"retries": "0", "retention": "1"})
	before := digest(t, c)
	a.start()
	good := a.succeeded(a.run("db"))
	held := a.files(a.backups())
	c.Exec(t, "sh", "-c", `for f in /usr/lib/postgresql/*/bin/pg_dump; do mv "$f" "$f.away"; printf '#!/bin/sh\n%s.away "$@" | head -c 2000\n' "$f" > "$f"; chmod 755 "$f"; done`)
	for range 3 {
		if run := a.run("db"); run.State != store.Failed {
			t.Fatalf("run is %s", run.State)
		}
	}
	if _, err := a.runner.Prune(t.Context(), good.JobID(), false, false); err != nil {
		t.Fatal(err)
	}
	if now := a.files(a.backups()); !slices.Equal(held, now) || a.held("db") != 1 {
		t.Errorf("the target held %v and now %v; the record has %d backups", held, now, a.held("db"))
	}
	c.Exec(t, "psql", "-U", "postgres", "-d", "shop", "-qc", "drop table orders")
	row := a.restore(runner.RestoreRequest{Service: "db", NoSafety: true})
	if row.State != store.Succeeded || row.RunID != good.ID {
		t.Fatalf("restore of run %s is %s: %s", row.RunID, row.State, row.Error)
	}
	if after := digest(t, c); after != before {
		t.Errorf("restored %s, want %s", after, before)
	}
}

// A tool that says success though it wrote nothing, or not all: on a full disk many do.
func TestRun_ToolThatExitsZeroWithoutAWholeDumpIsFailed(t *testing.T) {
	for name, tt := range map[string]struct{ strategy, tool, instead string }{
		"mariadb writes nothing":       {"mysql", "mariadb-dump", "exit 0"},
		"mariadb writes only a header": {"mysql", "mariadb-dump", `"$0.real" "$@" | head -c 700; exit 0`},
		"redis reads half of the file": {"redis", "cat", `"$0.real" "$@" | head -c 500; exit 0`},
		"redis reads nothing":          {"redis", "cat", "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			opt := enginetest.RunOptions{Labels: a.labels("db", map[string]string{"strategy": tt.strategy, "schedule": "manual", "retries": "0"})}
			var c *enginetest.Container
			if tt.strategy == "mysql" {
				c = enginetest.StartMySQL(t, "mariadb:10.11", opt)
				c.ExecInput(t, strings.NewReader("CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)"), "sh", "-c", "MYSQL_PWD=secret mariadb -uroot")
			} else {
				c = enginetest.StartRedis(t, "redis:7.0", opt)
				c.Exec(t, "redis-cli", "EVAL", "for i=1,100 do redis.call('SET','k'..i,i) end", "0")
			}
			a.start()
			a.succeeded(a.run("db")) // it is the tool that makes the difference
			held := a.files(a.backups())
			c.Exec(t, "sh", "-c", `f=$(command -v "$1"); cp "$f" "$f.real"; printf '#!/bin/sh\n%s\n' "$2" > "$f.new"; chmod 755 "$f.new"; mv "$f.new" "$f"`, "sh", tt.tool, tt.instead)
			run := a.run("db")
			if run.State != store.Failed || run.Cause != "dump" && run.Cause != "proof" {
				t.Errorf("run is %s (%s): %s", run.State, run.Cause, run.Error)
			}
			if now := a.files(a.backups()); !slices.Equal(held, now) || a.held("db") != 1 {
				t.Errorf("the target held %v and now %v; the record has %d backups", held, now, a.held("db"))
			}
		})
	}
}
