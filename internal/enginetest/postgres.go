package enginetest

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"testing"
	"time"
)

//go:embed postgres
var postgresFiles embed.FS

// postgresRecipe is how one version is made from Debian's packages.
type postgresRecipe struct{ base, suite, data, volume string }

func postgresRecipes() map[string]postgresRecipe {
	const data = "/var/lib/postgresql/data"
	return map[string]postgresRecipe{
		"15": {"bookworm", "", data, data},
		"17": {"trixie", "", data, data},
		"18": {"trixie", "sid", "/var/lib/postgresql/18/docker", "/var/lib/postgresql"}, // where the official image has them from 18 on
	}
}

// PostgresVersions are the major versions that can be had without a registry.
func PostgresVersions() []string { return []string{"15", "17", "18"} }

// PostgresImage is PostgreSQL of a major version: the official image, or one from Debian's packages.
func PostgresImage(t testing.TB, version string) string {
	t.Helper()
	Require(t)
	image, err := EnsurePostgres(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsurePostgres is PostgresImage outside tests.
func EnsurePostgres(ctx context.Context, version string) (string, error) {
	if image := "postgres:" + version; official(ctx, image) {
		return image, nil
	}
	recipe, ok := postgresRecipes()[version]
	if !ok {
		return "", fmt.Errorf("make image postgres:%s: no registry answers, and Debian has %s only", version, strings.Join(PostgresVersions(), ", "))
	}
	base, err := EnsureBase(ctx, recipe.base)
	if err != nil {
		return "", err
	}
	fill := strings.NewReplacer("@VERSION@", version, "@SUITE@", recipe.suite, "@DATA@", recipe.data, "@VOLUME@", recipe.volume)
	files := map[string]string{}
	for _, name := range []string{"Dockerfile", "entrypoint.sh"} {
		text, err := postgresFiles.ReadFile("postgres/" + name)
		if err != nil {
			return "", fmt.Errorf("read recipe: %w", err)
		}
		files[name] = fill.Replace(string(text))
	}
	return built(ctx, "simpledeploy-test-postgres:"+version, base, files)
}

// StartPostgres starts a server and waits until it takes connections. The superuser is "postgres" with the password
// "secret", unless env says otherwise.
func StartPostgres(t testing.TB, version string, opt RunOptions) *Container {
	t.Helper()
	opt.Image = PostgresImage(t, version)
	if !hasVariable(opt.Env, "POSTGRES_PASSWORD") && !hasVariable(opt.Env, "POSTGRES_PASSWORD_FILE") {
		opt.Env = append(opt.Env, "POSTGRES_PASSWORD=secret")
	}
	if !hasVariable(opt.Env, "POSTGRES_INITDB_ARGS") {
		opt.Env = append(opt.Env, "POSTGRES_INITDB_ARGS=--no-sync")
	}
	if opt.Cmd == nil {
		opt.Cmd = []string{"-c", "fsync=off"} // a test's data need not survive a power cut
	}
	c := Run(t, opt)
	WaitPostgres(t, c)
	return c
}

func hasVariable(env []string, name string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, name+"=") {
			return true
		}
	}
	return false
}

// WaitPostgres waits until the server takes connections over TCP: the entrypoint's first server, which runs the
// start scripts, listens on a socket only.
func WaitPostgres(t testing.TB, c *Container) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	script := `i=0; until pg_isready -q -h 127.0.0.1; do i=$((i+1)); [ $i -lt 600 ] || exit 1; sleep 0.1; done`
	if _, err := c.TryExec(ctx, nil, "sh", "-c", script); err != nil {
		t.Fatalf("wait for postgres in %s: %v\n%s", c.Name, err, tail(c.Logs(t)))
	}
}
