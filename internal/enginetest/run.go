package enginetest

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"time"
)

// RunOptions say what to start. Only Image is needed.
type RunOptions struct {
	Image      string
	Name       string // empty: a random one
	Env        []string
	Labels     map[string]string
	Volumes    []string // as `docker run -v` takes them
	Network    string
	Entrypoint string
	Cmd        []string
	Args       []string // further arguments of `docker run`, before the image
}

// Container is one running container of a test.
type Container struct {
	ID   string
	Name string
}

// Run starts a container and removes it, with its anonymous volumes, when the test ends.
func Run(t testing.TB, opt RunOptions) *Container {
	t.Helper()
	Require(t)
	if opt.Name == "" {
		opt.Name = "sdtest-" + strings.ToLower(rand.Text()[:12])
	}
	id, err := docker(t.Context(), nil, append([]string{"run"}, opt.args(t)...)...)
	remove(t, "rm", "--force", "--volumes", opt.Name)
	if err != nil {
		t.Fatalf("start container %s: %v", opt.Image, err)
	}
	c := &Container{ID: id, Name: opt.Name}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last words of %s:\n%s", opt.Image, tail(c.Logs(t)))
		}
	})
	return c
}

func (opt RunOptions) args(t testing.TB) []string {
	args := []string{"--detach", "--name", opt.Name, "--label", Label + "=" + t.Name()}
	for key, value := range opt.Labels {
		args = append(args, "--label", key+"="+value)
	}
	for _, env := range opt.Env {
		args = append(args, "--env", env)
	}
	for _, volume := range opt.Volumes {
		args = append(args, "--volume", volume)
	}
	if opt.Network != "" {
		args = append(args, "--network", opt.Network)
	}
	if opt.Entrypoint != "" {
		args = append(args, "--entrypoint", opt.Entrypoint)
	}
	args = append(args, opt.Args...)
	return append(append(args, opt.Image), opt.Cmd...)
}

// Volume makes a named volume that is removed when the test ends.
func Volume(t testing.TB) string {
	t.Helper()
	return made(t, "volume")
}

// Network makes a network that is removed when the test ends.
func Network(t testing.TB) string {
	t.Helper()
	return made(t, "network")
}

func made(t testing.TB, kind string) string {
	t.Helper()
	Require(t)
	name := "sdtest-" + strings.ToLower(rand.Text()[:12])
	if _, err := docker(t.Context(), nil, kind, "create", "--label", Label+"="+t.Name(), name); err != nil {
		t.Fatalf("create %s: %v", kind, err)
	}
	remove(t, kind, "rm", name)
	return name
}

// remove runs after the test, on a context of its own, and is no failure when the thing is gone already.
func remove(t testing.TB, args ...string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := docker(ctx, nil, args...); err != nil && !strings.Contains(strings.ToLower(err.Error()), "no such") {
			t.Errorf("clean up: %v", err)
		}
	})
}

// Docker runs the docker command line and fails the test when it does.
func Docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := docker(t.Context(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Exec runs a command inside the container and returns its output; a failure ends the test.
func (c *Container) Exec(t testing.TB, args ...string) string {
	t.Helper()
	return c.ExecInput(t, nil, args...)
}

// ExecInput is Exec with something to read.
func (c *Container) ExecInput(t testing.TB, stdin io.Reader, args ...string) string {
	t.Helper()
	out, err := c.TryExec(t.Context(), stdin, args...)
	if err != nil {
		t.Fatalf("exec in %s: %v", c.Name, err)
	}
	return out
}

// TryExec is Exec for commands that may fail.
func (c *Container) TryExec(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	flags := []string{"exec"}
	if stdin != nil {
		flags = append(flags, "--interactive")
	}
	return docker(ctx, stdin, append(append(flags, c.Name), args...)...)
}

// Logs is all that the container wrote so far.
func (c *Container) Logs(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	out, err := command(ctx, nil, nil, "sh", "-c", `docker logs "$0" 2>&1`, c.Name)
	if err != nil {
		return err.Error()
	}
	return out
}
