package helper

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os/signal"
	"syscall"

	"github.com/simpledeploy/backup/runner/frame"
)

// Run serves one call, on the Unix socket that -socket names or on stdin and stdout, and returns its error: the
// helper's exit code is not what the appliance believes, but it is what `docker ps -a` shows.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("helper", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	socket := flags.String("socket", "", "Unix socket of the appliance; stdin and stdout when empty")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read arguments: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("read arguments: %q is not expected", flags.Arg(0))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// New files get the modes that the archive says, nothing less.
	syscall.Umask(0)

	if *socket == "" {
		return frame.Serve(ctx, &stdio{stdin, stdout}, operations())
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", *socket)
	if err != nil {
		return fmt.Errorf("connect to the appliance: %w", err)
	}
	return frame.Serve(ctx, conn, operations())
}

// stdio is both streams as one connection.
type stdio struct {
	io.Reader
	io.Writer
}

func (s *stdio) Close() error {
	var all []error
	for _, end := range []any{s.Reader, s.Writer} {
		if c, ok := end.(io.Closer); ok {
			all = append(all, c.Close())
		}
	}
	return errors.Join(all...)
}
