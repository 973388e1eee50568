// Command inside is a small appliance for tests: it runs in a container, finds itself, and has its own image help.
// Its own argument is the id of the container to help.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/runner/frame"
	"github.com/simpledeploy/backup/runner/strategy"
)

type report struct {
	Self   string // our container's id
	Echo   string // what the helper gave back
	Socket bool   // by which way
}

func main() {
	run := appliance
	if os.Args[1] == "helper" {
		run = helper
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func appliance(ctx context.Context) error {
	e, err := docker.Connect(ctx, docker.Options{DataDir: "/data", StoreID: "inside"})
	if err != nil {
		return err
	}
	defer e.Close()
	own, _ := e.Self()
	target, err := e.Inspect(ctx, os.Args[1])
	if err != nil {
		return err
	}
	var out bytes.Buffer
	r := report{Self: own.ID}
	err = e.Container(target).Help(ctx, strategy.HelperCommand{
		Op: "echo", Paths: []string{"/data"}, Stdin: strings.NewReader("hello"), Stdout: &out, Trailer: &r.Socket})
	if err != nil {
		return err
	}
	r.Echo = out.String()
	return json.NewEncoder(os.Stdout).Encode(r)
}

type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }

func helper(ctx context.Context) error {
	rw, socket := io.ReadWriteCloser(stdio{os.Stdin, os.Stdout}), len(os.Args) == 4
	if socket {
		conn, err := net.Dial("unix", os.Args[3])
		if err != nil {
			return err
		}
		rw = conn
	}
	return frame.Serve(ctx, rw, map[string]frame.Op{
		"echo": func(_ context.Context, _ frame.Request, in io.Reader, out io.Writer) (any, error) {
			_, err := io.Copy(out, in)
			return socket, err
		},
	})
}
