package enginetest

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"testing"
	"time"
)

//go:embed redis
var redisFiles embed.FS

// redisRecipe is how one engine of this family is made from Debian's packages.
type redisRecipe struct{ suite, packages, name string }

func redisRecipes() map[string]redisRecipe {
	return map[string]redisRecipe{
		"redis:7.0":         {"bookworm", "redis-server redis-tools", "redis"},
		"redis:8.0":         {"trixie", "redis-server redis-tools", "redis"},
		"valkey/valkey:8.1": {"trixie", "valkey-server valkey-tools", "valkey"},
	}
}

// RedisVersions are the servers of this family that can be had without a registry, named as their official images.
func RedisVersions() []string { return []string{"redis:7.0", "redis:8.0", "valkey/valkey:8.1"} }

// RedisImage is Redis or Valkey of a version: the official image, or one from Debian's packages.
func RedisImage(t testing.TB, version string) string {
	t.Helper()
	Require(t)
	image, err := EnsureRedis(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsureRedis is RedisImage outside tests.
func EnsureRedis(ctx context.Context, version string) (string, error) {
	if official(ctx, version) {
		return version, nil
	}
	recipe, ok := redisRecipes()[version]
	if !ok {
		return "", fmt.Errorf("make image %s: no registry answers, and Debian has %s only", version, strings.Join(RedisVersions(), ", "))
	}
	base, err := EnsureBase(ctx, recipe.suite)
	if err != nil {
		return "", err
	}
	fill := strings.NewReplacer("@PACKAGES@", recipe.packages, "@NAME@", recipe.name)
	files := map[string]string{}
	for _, name := range []string{"Dockerfile", "entrypoint.sh"} {
		text, err := redisFiles.ReadFile("redis/" + name)
		if err != nil {
			return "", fmt.Errorf("read recipe: %w", err)
		}
		files[name] = fill.Replace(string(text))
	}
	_, tag, _ := strings.Cut(version, ":")
	return built(ctx, "simpledeploy-test-"+recipe.name+":"+tag, base, files)
}

// RedisClient is the name of the command line client in the image.
func RedisClient(version string) string {
	if strings.HasPrefix(version, "valkey") {
		return "valkey-cli"
	}
	return "redis-cli"
}

// StartRedis starts a server and waits until it answers, if only that it wants a password.
func StartRedis(t testing.TB, version string, opt RunOptions) *Container {
	t.Helper()
	opt.Image = RedisImage(t, version)
	c := Run(t, opt)
	WaitRedis(t, c)
	return c
}

// WaitRedis waits until the server says that it takes connections, after each of its starts.
func WaitRedis(t testing.TB, c *Container) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	script := `since=$(docker inspect -f '{{.State.StartedAt}}' "$0")
until docker logs --since "$since" "$0" 2>&1 | grep -q 'eady to accept connections'; do sleep 0.1; done`
	if _, err := command(ctx, nil, nil, "sh", "-c", script, c.Name); err != nil {
		t.Fatalf("wait for the server in %s: %v\n%s", c.Name, err, tail(c.Logs(t)))
	}
}
