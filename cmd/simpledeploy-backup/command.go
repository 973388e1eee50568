package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// command is one word of the command line. Its help and the reference page are made from it.
type command struct {
	name    string
	args    string // what stands behind the name, flags aside
	short   string // one line
	long    string // what it promises; may be empty
	example string // at least one line that works
	hidden  bool
	setup   func(fs *flag.FlagSet) action
}

// action does the work once the flags are read; args are what stood beside them.
type action func(ctx context.Context, p *program, args []string) error

// commands lists them all, in the order of the help.
func commands() []command {
	return []command{
		serveCommand(), detectCommand(), planCommand(), runCommand(), historyCommand(), restoreCommand(),
		pruneCommand(), unpinCommand(), pauseCommand(), resumeCommand(), checkCommand(), rescanCommand(), dbCommand(),
		healthcheckCommand(), versionCommand(), helperCommand(),
	}
}

func (p *program) dispatch(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "help", "-h", "-help", "--help":
		return p.help(args)
	case "-version", "--version":
		name = "version"
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return unknownCommand(name)
	}
	return p.runCommand(ctx, all[i], args)
}

func unknownCommand(name string) error {
	var names []string
	for _, c := range commands() {
		if !c.hidden {
			names = append(names, c.name)
		}
	}
	if best := closest(name, names); best != "" {
		return usageErrorf("unknown command %q; did you mean %s?", name, best)
	}
	return usageErrorf("unknown command %q; there are %s", name, strings.Join(names, ", "))
}

func (p *program) runCommand(ctx context.Context, c command, args []string) error {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	do := c.setup(fs)
	rest, err := parseFlags(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		writeHelp(p.out, c)
		return nil
	}
	if err != nil {
		return usageErrorf("%s: %w (simpledeploy-backup help %s)", c.name, err, c.name)
	}
	return do(ctx, p, rest)
}

// parseFlags reads flags wherever they stand: "restore shop/db --yes" is how people write it, and the standard library
// alone would take --yes for another argument.
func parseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		// What follows "--" is never a flag.
		if read := len(args) - fs.NArg(); read > 0 && args[read-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

func (p *program) help(args []string) error {
	if len(args) == 0 {
		writeOverview(p.out)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			writeHelp(p.out, c)
			return nil
		}
	}
	return unknownCommand(args[0])
}

func writeOverview(w io.Writer) {
	fmt.Fprint(w, "simpledeploy-backup backs up labelled containers, proves it, and restores with one command.\n\nCommands:\n")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-12s %s\n", c.name, c.short)
		}
	}
	fmt.Fprint(w, "\nExit codes: 0 ok, 1 failed, 2 usage, 3 problems found or partial, 4 unhealthy.\n",
		"simpledeploy-backup help COMMAND tells more.\n")
}

// writeHelp tells all about one command.
func writeHelp(w io.Writer, c command) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setup(fs)
	hasFlags := false
	fs.VisitAll(func(*flag.Flag) { hasFlags = true })
	line := "simpledeploy-backup " + c.name
	if hasFlags {
		line += " [flags]"
	}
	if c.args != "" {
		line += " " + c.args
	}
	fmt.Fprintf(w, "%s\n\n  %s\n", c.short, line)
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", c.long)
	}
	if hasFlags {
		fmt.Fprint(w, "\nFlags:\n")
		fs.VisitAll(func(f *flag.Flag) { writeFlag(w, f) })
	}
	fmt.Fprint(w, "\nExample:\n")
	for _, line := range strings.Split(c.example, "\n") {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

func writeFlag(w io.Writer, f *flag.Flag) {
	value, usage := flag.UnquoteUsage(f)
	name := "--" + f.Name
	if value != "" {
		name += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" && f.DefValue != "0" {
		usage += " (" + f.DefValue + ")"
	}
	fmt.Fprintf(w, "  %-22s %s\n", name, usage)
}
