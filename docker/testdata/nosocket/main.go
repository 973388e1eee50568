// Command nosocket is a helper that can never reach a Unix socket, as on a host whose shared folders carry none.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/simpledeploy/backup/runner/frame"
)

type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdin.Close() }

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "connect: not supported")
		os.Exit(1)
	}
	err := frame.Serve(context.Background(), stdio{os.Stdin, os.Stdout}, map[string]frame.Op{
		"echo": func(_ context.Context, _ frame.Request, in io.Reader, out io.Writer) (any, error) {
			_, err := io.Copy(out, in)
			return nil, err
		},
	})
	if err != nil {
		os.Exit(1)
	}
}
