package strategy_test

import (
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// One server that wants a password for everything, asked as if its container had been started with these variables.
func TestPostgres_FindsTheAccount(t *testing.T) {
	t.Parallel()
	dir := secretFiles(t, map[string]string{"password": "p w$x'\"\n", "app": "app-pass\n", "user": "app\n", "admin": "adm\n", "empty": ""})
	d := startPostgres(t, "17", enginetest.RunOptions{
		Volumes: []string{dir + ":/run/secrets"},
		Env:     []string{"POSTGRES_PASSWORD_FILE=/run/secrets/password", "POSTGRES_INITDB_ARGS=--no-sync --auth-local=scram-sha-256 --auth-host=scram-sha-256"},
	})
	d.Exec(t, "sh", "-c", `PGPASSWORD=$(cat /run/secrets/password) psql -XqU postgres -v ON_ERROR_STOP=1 -c "CREATE ROLE app LOGIN CREATEDB PASSWORD 'app-pass'" -c "CREATE DATABASE app OWNER app" \
		-c "CREATE DATABASE closed" -c "REVOKE CONNECT ON DATABASE closed FROM public" -c 'CREATE ROLE "ad min" SUPERUSER LOGIN PASSWORD '"'adm'"`)
	sql := func(text string) string {
		return d.Exec(t, "sh", "-c", `PGPASSWORD=app-pass exec psql -XqAtU app -v ON_ERROR_STOP=1 -c "$1"`, "sh", text)
	}
	const unset = "POSTGRES_PASSWORD_FILE="
	findsAccounts(t, d.Source, map[string]account{
		"the image's file":            {nil, strategy.Options{}, "", ""},
		"user and password":           {[]string{unset, "POSTGRES_USER=ad min", "POSTGRES_PASSWORD=adm"}, strategy.Options{}, "", ""},
		"user by file":                {[]string{"POSTGRES_USER_FILE=/run/secrets/user", "POSTGRES_PASSWORD_FILE=/run/secrets/app"}, strategy.Options{}, "", `may not connect`},
		"bitnami":                     {[]string{unset, "POSTGRESQL_PASSWORD=p w$x'\""}, strategy.Options{}, "", ""},
		"bitnami by file":             {[]string{unset, "POSTGRESQL_PASSWORD_FILE=/run/secrets/password"}, strategy.Options{}, "", ""},
		"bitnami's application user":  {[]string{unset, "POSTGRESQL_USERNAME=app", "POSTGRESQL_PASSWORD=app-pass"}, strategy.Options{}, "", `"closed" is not in the backup`},
		"bitnami's own first":         {[]string{unset, "POSTGRESQL_USERNAME=app", "POSTGRES_USER=else", "POSTGRESQL_PASSWORD=app-pass", "POSTGRES_PASSWORD=x"}, strategy.Options{}, "", "may not connect"},
		"bitnami's superuser":         {[]string{unset, "POSTGRESQL_USERNAME=app", "POSTGRESQL_PASSWORD=app-pass", "POSTGRESQL_POSTGRES_PASSWORD=p w$x'\""}, strategy.Options{}, "", ""},
		"bitnami's superuser by file": {[]string{unset, "POSTGRESQL_USERNAME=app", "POSTGRESQL_PASSWORD=app-pass", "POSTGRESQL_POSTGRES_PASSWORD_FILE=/run/secrets/password"}, strategy.Options{}, "", ""},
		"password-env":                {[]string{"OTHER=p w$x'\""}, strategy.Options{User: "postgres", PasswordEnv: "OTHER"}, "", ""},
		"password-file":               {[]string{unset}, strategy.Options{User: "app", PasswordFile: "/run/secrets/app"}, "", "passwords are not in the backup"},
		"wrong password":              {[]string{"OTHER=two"}, strategy.Options{PasswordEnv: "OTHER"}, "password authentication failed", ""},
		"no such variable":            {nil, strategy.Options{PasswordEnv: "NOPE"}, "no variable NOPE", ""},
		"no such file":                {nil, strategy.Options{PasswordFile: "/nope"}, "/nope cannot be read", ""},
		"an empty file":               {nil, strategy.Options{PasswordFile: "/run/secrets/empty"}, "/run/secrets/empty is empty", ""},
		"a folder":                    {nil, strategy.Options{PasswordFile: "/run/secrets"}, "/run/secrets cannot be read", ""},
		"the image's file is gone":    {[]string{"POSTGRES_PASSWORD_FILE=/nope"}, strategy.Options{}, "POSTGRES_PASSWORD_FILE names /nope", ""},
		"another user's":              {nil, strategy.Options{User: "else"}, "no password supplied", ""},
		"not a variable's name":       {nil, strategy.Options{PasswordEnv: "A;id"}, "not the name of a variable", ""},
	})
	t.Run("an application's account restores its own database", func(t *testing.T) {
		own := d.Source
		own.Container = strategytest.WithEnv{Container: d.Source.Container, Env: []string{unset, "POSTGRESQL_USERNAME=app", "POSTGRESQL_PASSWORD=app-pass"}}
		own.Options.Databases = []string{"app"}
		sql("CREATE TABLE t AS SELECT generate_series(1, 7) AS n")
		dump, proof := own.Dump(t)
		if proof.Rows != 7 {
			t.Errorf("proof %+v", proof)
		}
		sql("DELETE FROM t WHERE n > 2; CREATE TABLE later ()")
		own.Restore(t, dump)
		if got := sql("SELECT sum(n), to_regclass('later') IS NULL FROM t"); got != "28|t" {
			t.Errorf("restored: %s", got)
		}
	})
	t.Run("by hand", func(t *testing.T) {
		dump, _ := d.Dump(t)
		for _, opt := range []strategy.Options{{}, {User: "ad min", PasswordFile: "/run/secrets/admin"}} {
			sql("DROP TABLE t")
			d.Hand(t, d.Entry.Recipe(opt), dump)
			if got := sql("SELECT sum(n) FROM t"); got != "28" {
				t.Errorf("%+v: restored: %s", opt, got)
			}
		}
	})
}
