package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the image holds nothing but this program

	_ "golang.org/x/crypto/x509roots/fallback" // used where the system has no certificate roots

	_ "github.com/simpledeploy/backup/runner/target/backends"
)

// version is written by the linker.
var version = "dev"

// Exit codes are a contract: scripts and health checks read them.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitProblems  = 3 // problems found, or a backup that only some targets hold
	exitUnhealthy = 4
)

// exitError carries the code that the process ends with. A nil err says that everything was printed already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageErrorf is a command line that makes no sense.
func usageErrorf(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// program is the world as one command sees it.
type program struct {
	in       io.Reader
	out, err io.Writer
	environ  map[string]string
	terminal bool // err is one: progress may be drawn
}

func main() {
	// Whatever is written holds someone's data: nobody else on this machine may read it.
	syscall.Umask(0o077)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: environ(), terminal: isTerminal(os.Stderr)}
	code := p.main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// main runs one command line and says what the process ends with.
func (p *program) main(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitFailed, err}
	}
	if exit.err != nil {
		fmt.Fprintf(p.err, "simpledeploy-backup: %v\n", exit.err)
	}
	return exit.code
}
