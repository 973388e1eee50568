package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/labels"
)

var update = flag.Bool("update", false, "write the generated pages anew")

func TestReference_EnvironmentIsFresh(t *testing.T) {
	fresh(t, "../../docs/reference/environment.md", environmentPage())
}

func TestReference_CommandsAreFresh(t *testing.T) {
	fresh(t, "../../docs/reference/cli.md", commandsPage())
}

// fresh compares a generated page with the one in the repository.
func fresh(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is stale, make docs writes it anew (-file +fresh):\n%s", path, diff)
	}
}

func environmentPage() string {
	var b strings.Builder
	b.WriteString(`# Environment

<!-- Written by make docs. -->

Every variable begins with ` + "`SIMPLEDEPLOY_`" + `. A value that cannot be used, an empty one, an unknown variable, or one of a
part that this version does not have stops the start, with all errors at once. Durations are Go's, with ` + "`d` and `w`" + `
besides: ` + "`90s`, `6h`, `14d`" + `. Variables marked ◆ can hold a secret and have a twin that ends in ` + "`_FILE`" + ` and names a
file with the value; the last newline of the file is left out.

| variable | default | meaning |
|---|---|---|
`)
	for _, f := range fields() {
		fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", f.name, mark(f.secret), code(f.def), f.doc)
	}
	b.WriteString("| `SIMPLEDEPLOY_TARGET_<NAME>` ◆ | | A target: an rclone path like `b2:my-bucket/backups`. " +
		"Labels name it in lower case. `local` is there without a variable: the folder `backups` in DATA_DIR. |\n")
	b.WriteString("| `SIMPLEDEPLOY_RETENTION_<NAME>` | | What to keep on that target, in place of the jobs' own retention. |\n")
	for _, k := range labels.Keys() {
		if k.Env && k.Available {
			fmt.Fprintf(&b, "| `%sDEFAULT_%s` | %s | For jobs without the label `%s`; see [labels](labels.md). |\n", envPrefix, envKey(k.Name), code(k.Default), k.Name)
		}
	}
	b.WriteString(`
Beside these, ` + "`TZ`" + ` is the time zone of schedules, ` + "`DOCKER_HOST`" + ` and its relatives choose the engine, and every
` + "`RCLONE_*`" + ` variable means what it means to rclone: ` + "`RCLONE_CONFIG_B2_TYPE=b2`" + ` and its like make a remote without any file. An
` + "`rclone.conf`" + ` in DATA_DIR or in ` + "`/config/rclone`" + ` is used.
`)
	return b.String()
}

func mark(secret bool) string {
	if secret {
		return " ◆"
	}
	return ""
}

func code(s string) string {
	if s == "" || strings.Contains(s, "`") {
		return s // the words of the table are marked up already
	}
	return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
}

func commandsPage() string {
	var b strings.Builder
	b.WriteString(`# Commands

<!-- Written by make docs. -->

All of these but ` + "`check`" + ` run inside the appliance's container: ` + "`docker compose exec backup simpledeploy-backup plan`" + `. They end with 0 when all
is well, 1 when something failed, 2 when the command line makes no sense, 3 when problems were found, a backup is held by
fewer targets than wanted, or what was restored counts differently than the backup did, and 4 when the appliance is unhealthy. Flags may stand before or behind the arguments.
`)
	for _, c := range commands() {
		if c.hidden {
			continue
		}
		var help bytes.Buffer
		writeHelp(&help, c)
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s```\n", c.name, help.String())
	}
	return b.String()
}
