// Command oddhelper is a helper for tests: it tells what it can see and do, and dies in several ways.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/frame"
)

func main() {
	rw := io.ReadWriteCloser(stdio{os.Stdin, os.Stdout})
	if len(os.Args) == 4 && os.Args[2] == "-socket" {
		conn, err := net.Dial("unix", os.Args[3])
		if err != nil {
			exit(err)
		}
		rw = conn
	}
	err := frame.Serve(context.Background(), rw, map[string]frame.Op{
		"echo": echo, "read": read, "write": write, "die": die, "hang": hang, "fail": fail, "look": look,
	})
	if err != nil {
		exit(err)
	}
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }

func echo(_ context.Context, _ frame.Request, in io.Reader, out io.Writer) (any, error) {
	n, err := io.Copy(out, in)
	return map[string]int64{"read": n}, err
}

func read(_ context.Context, req frame.Request, _ io.Reader, out io.Writer) (any, error) {
	for _, root := range req.Roots {
		b, err := os.ReadFile(filepath.Join(root.Mount, root.Sub))
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(b); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func write(_ context.Context, req frame.Request, in io.Reader, _ io.Writer) (any, error) {
	b, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(req.Roots[0].Mount, req.Roots[0].Sub)
	return nil, errors.Join(os.WriteFile(name, b, 0o600), os.Chown(name, 999, 999))
}

// die leaves data behind, but no trailer.
func die(_ context.Context, _ frame.Request, _ io.Reader, out io.Writer) (any, error) {
	_, _ = out.Write(make([]byte, 1<<20))
	fmt.Fprintln(os.Stderr, "the disk has a bad sector")
	os.Exit(3)
	return nil, nil
}

func hang(_ context.Context, _ frame.Request, _ io.Reader, out io.Writer) (any, error) {
	_, _ = out.Write(make([]byte, 1<<20))
	time.Sleep(time.Hour)
	return nil, nil
}

func fail(context.Context, frame.Request, io.Reader, io.Writer) (any, error) {
	return nil, errors.New("no space left on the volume")
}

// look tells what the helper could do if it were not ours.
func look(_ context.Context, req frame.Request, _ io.Reader, _ io.Writer) (any, error) {
	seen := map[string]any{}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if k, v, _ := strings.Cut(strings.TrimSpace(line), ":"); k == "CapEff" || k == "NoNewPrivs" {
			seen[k] = strings.TrimSpace(v)
		}
	}
	interfaces, _ := net.Interfaces()
	seen["interfaces"] = len(interfaces)
	seen["root_writable"] = os.WriteFile("/x", nil, 0o600) == nil
	sources, _ := filepath.Glob("/src/*")
	seen["sources"] = sources
	run, _ := filepath.Glob("/run/helper/*")
	seen["run"] = run
	_, err := os.Stat("/var/run/docker.sock")
	seen["engine_socket"] = err == nil
	for _, root := range req.Roots {
		seen["writable"] = os.WriteFile(filepath.Join(root.Mount, root.Sub, "probe"), nil, 0o600) == nil
	}
	b, err := json.Marshal(seen)
	return json.RawMessage(b), err
}
