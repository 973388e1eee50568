package strategy_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// One server, asked as if its container had been started with these variables.
func TestMySQL_FindsTheAccount(t *testing.T) {
	t.Parallel()
	const secret = "p w$x'\"\\#"
	d := startMySQL(t, "mariadb:11.8", enginetest.RunOptions{
		Volumes: []string{secretFiles(t, map[string]string{"root": secret + "\n", "user": "u$er", "pass": "x" + secret, "empty": "\n"}) + ":/run/secrets"},
		Env:     []string{"MARIADB_ROOT_PASSWORD=secret", "MYSQL_USER=u$er", "MYSQL_PASSWORD=x" + secret, "MARIADB_DATABASE=app"},
	})
	d.sql(t, "CREATE TABLE app.t (a INT); INSERT INTO app.t VALUES (1); CREATE DATABASE hidden")
	d.sql(t, `ALTER USER root@localhost IDENTIFIED BY 'p w$x''"\\#'`)
	const mine, less = "MARIADB_ROOT_PASSWORD=" + secret, "users and their rights are not in the backup"
	none := []string{"MARIADB_ROOT_PASSWORD="}
	findsAccounts(t, d.Source, map[string]account{
		"root's":                {[]string{mine}, strategy.Options{}, "", ""},
		"root's by file":        {append(none, "MARIADB_ROOT_PASSWORD_FILE=/run/secrets/root"), strategy.Options{}, "", ""},
		"root's, MySQL's name":  {append(none, "MYSQL_ROOT_PASSWORD_FILE=/run/secrets/root"), strategy.Options{}, "", ""},
		"changed since":         {nil, strategy.Options{}, "Access denied for user 'root'", ""},
		"password-env":          {[]string{"SAME=" + secret}, strategy.Options{User: "root", PasswordEnv: "SAME"}, "", ""},
		"password-file":         {nil, strategy.Options{PasswordFile: "/run/secrets/root"}, "", ""},
		"the user's":            {nil, strategy.Options{User: "u$er"}, "", less},
		"the user's, no root's": {none, strategy.Options{}, "", less},
		"the user's by file":    {append(none, "MYSQL_USER=", "MYSQL_PASSWORD=", "MARIADB_USER_FILE=/run/secrets/user", "MARIADB_PASSWORD_FILE=/run/secrets/pass"), strategy.Options{}, "", less},
		"wrong password":        {[]string{"OTHER=two"}, strategy.Options{PasswordEnv: "OTHER"}, "Access denied for user 'root'", ""},
		"no such variable":      {nil, strategy.Options{PasswordEnv: "NOPE"}, "no variable NOPE", ""},
		"no such file":          {nil, strategy.Options{PasswordFile: "/nope"}, "/nope cannot be read", ""},
		"an empty file":         {nil, strategy.Options{PasswordFile: "/run/secrets/empty"}, "/run/secrets/empty is empty", ""},
		"another user's":        {nil, strategy.Options{User: "else"}, "Access denied for user 'else'", ""},
		"not a variable's name": {nil, strategy.Options{PasswordEnv: "A;id"}, "not the name of a variable", ""},
	})
	t.Run("an account restores what it could see", func(t *testing.T) {
		one := d.Source
		one.Options.User = "u$er"
		dump, proof := one.Dump(t)
		if proof.Rows != 1 {
			t.Errorf("proof %+v", proof)
		}
		one.Restore(t, dump)
	})
	t.Run("no tools", func(t *testing.T) {
		d.Exec(t, "rm", "/usr/bin/mariadb-dump")
		_, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "neither mariadb-dump nor mysqldump is in this image") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMySQL_ImageThatHasNoMysqldumpIsDumpedWithWhatItHas(t *testing.T) {
	d := startMySQLShop(t, "mariadb:11.8", enginetest.RunOptions{})
	// The official image has neither name; Debian's package may bring both.
	d.Exec(t, "sh", "-c", `for n in mysqldump mysql; do f=$(command -v $n) && rm "$f"; done; ! command -v mysqldump && ! command -v mysql`)
	before := d.State(t)
	raw, _ := d.Dump(t) // and proven
	if _, err := d.Entry.Strategy.Restore(t.Context(), d.Source.Container, strategy.Options{Token: "r1"}, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, d.State(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
}
