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

// PostgresVersions are the major versions that can be had without a registry.
func PostgresVersions() []string { return []string{"15", "17"} }

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
	suites := map[string]string{"15": "bookworm", "17": "trixie"}
	suite, ok := suites[version]
	if !ok {
		return "", fmt.Errorf("make image postgres:%s: no registry answers, and Debian has 15 and 17 only", version)
	}
	base, err := EnsureBase(ctx, suite)
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	for _, name := range []string{"Dockerfile", "entrypoint.sh"} {
		text, err := postgresFiles.ReadFile("postgres/" + name)
		if err != nil {
			return "", fmt.Errorf("read recipe: %w", err)
		}
		files[name] = strings.ReplaceAll(string(text), "@VERSION@", version)
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
