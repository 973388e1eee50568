package enginetest

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

//go:embed mysql
var mysqlFiles embed.FS

// mysqlRecipe is how one engine of this family is made from Debian's packages.
type mysqlRecipe struct{ base, suite, packages, server, client string }

func mysqlRecipes() map[string]mysqlRecipe {
	return map[string]mysqlRecipe{
		"mariadb:10.11": {"bookworm", "", "mariadb-server-core mariadb-client", "mariadbd", "mariadb"},
		"mariadb:11.8":  {"trixie", "", "mariadb-server-core mariadb-client", "mariadbd", "mariadb"}, // has no mysqldump
		"mysql:9":       {"trixie", "sid", "mysql-server-core mysql-client", "mysqld", "mysql"},
	}
}

// MySQLVersions are the servers of this family that can be had without a registry, named as their official images.
func MySQLVersions() []string { return []string{"mariadb:10.11", "mariadb:11.8", "mysql:9"} }

// MySQLImage is MariaDB or MySQL of a version: the official image, or one from Debian's packages.
func MySQLImage(t testing.TB, version string) string {
	t.Helper()
	Require(t)
	image, err := EnsureMySQL(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsureMySQL is MySQLImage outside tests.
func EnsureMySQL(ctx context.Context, version string) (string, error) {
	if official(ctx, version) {
		return version, nil
	}
	recipe, ok := mysqlRecipes()[version]
	if !ok {
		return "", fmt.Errorf("make image %s: no registry answers, and Debian has %s only", version, strings.Join(MySQLVersions(), ", "))
	}
	base, err := EnsureBase(ctx, recipe.base)
	if err != nil {
		return "", err
	}
	fill := strings.NewReplacer("@SUITE@", recipe.suite, "@PACKAGES@", recipe.packages, "@SERVER@", recipe.server, "@CLIENT@", recipe.client)
	files := map[string]string{}
	for _, name := range []string{"Dockerfile", "entrypoint.sh"} {
		text, err := mysqlFiles.ReadFile("mysql/" + name)
		if err != nil {
			return "", fmt.Errorf("read recipe: %w", err)
		}
		files[name] = fill.Replace(string(text))
	}
	return built(ctx, "simpledeploy-test-"+version, base, files)
}

// MySQLClient is the name of the command line client in the image.
func MySQLClient(version string) string {
	if strings.HasPrefix(version, "mariadb") {
		return "mariadb"
	}
	return "mysql"
}

// StartMySQL starts a server and waits until it takes connections. The password of "root" is "secret", unless env
// says otherwise.
func StartMySQL(t testing.TB, version string, opt RunOptions) *Container {
	t.Helper()
	opt.Image = MySQLImage(t, version)
	given := []string{"MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE", "MARIADB_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD_FILE"}
	if !slices.ContainsFunc(given, func(name string) bool { return hasVariable(opt.Env, name) }) {
		opt.Env = append(opt.Env, "MYSQL_ROOT_PASSWORD=secret")
	}
	if opt.Cmd == nil {
		// A test's data need not survive a power cut.
		opt.Cmd = []string{"--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"}
	}
	c := Run(t, opt)
	WaitMySQL(t, c, version)
	return c
}

// WaitMySQL waits until the server answers over TCP: the entrypoint's first server, which runs the start scripts,
// listens on a socket only. A refused password is an answer too.
func WaitMySQL(t testing.TB, c *Container, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	script := `i=0
until out=$("$0" --no-defaults --protocol=tcp -h 127.0.0.1 -u nobody --connect-timeout=2 -e 'SELECT 1' 2>&1) ||
	case "$out" in *'ccess denied'*) true ;; *) false ;; esac
do i=$((i+1)); [ $i -lt 900 ] || exit 1; sleep 0.1; done`
	if _, err := c.TryExec(ctx, nil, "sh", "-c", script, MySQLClient(version)); err != nil {
		t.Fatalf("wait for %s in %s: %v\n%s", version, c.Name, err, tail(c.Logs(t)))
	}
}
