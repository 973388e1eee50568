package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// docker runs the docker command line and returns what it printed, without the last newline.
func docker(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	return command(ctx, stdin, nil, "docker", args...)
}

// command runs one program; its error holds the end of what it said.
func command(ctx context.Context, stdin io.Reader, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	if len(env) > 0 {
		cmd.Env = append(cmd.Environ(), env...)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	out := strings.TrimSuffix(stdout.String(), "\n")
	if err != nil {
		said := strings.TrimSpace(stderr.String() + "\n" + stdout.String())
		err = fmt.Errorf("run %s %s: %w: %s", name, first(args), err, tail(said))
		return out, errors.Join(err, context.Cause(ctx))
	}
	return out, nil
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func tail(s string) string {
	const n = 4096
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
