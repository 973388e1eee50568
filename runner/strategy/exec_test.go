package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func execEntry(t testing.TB) strategy.Entry {
	for _, entry := range strategy.Builtin() {
		if entry.Name == "exec" {
			return entry
		}
	}
	t.Fatal("exec is not in the registry")
	return strategy.Entry{}
}

// startShell is a container whose sh is the named shell of Debian's.
func startShell(t testing.TB, shell string, opt enginetest.RunOptions) (*enginetest.Container, strategy.Container) {
	t.Helper()
	opt.Image = enginetest.ShellImage(t, shell)
	opt.Cmd = []string{"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"}
	c := enginetest.Run(t, opt)
	return c, port.New(t, c)
}

const (
	saveFiles = "cd /files && tar c ."
	loadFiles = "set -e; cd /files; find . -mindepth 1 -delete; tar x"
)

func TestExec_InEveryShell(t *testing.T) {
	for _, shell := range enginetest.Shells() {
		t.Run(shell, func(t *testing.T) {
			c, p := startShell(t, shell, enginetest.RunOptions{})
			c.Exec(t, "sh", "-c", "mkdir /files; cd /files; echo one >one; head -c 3000000 /dev/urandom >random; mkdir d; ln -s ../one d/link")
			entry := execEntry(t)
			entry.Prover = func() strategy.Prover { return entry.NewProver(".tar") }
			t.Run("contract", func(t *testing.T) {
				strategytest.Run(t, strategytest.Source{
					Entry: entry, Container: p,
					Options: strategy.Options{DumpCommand: "cd /files && tar -b 2 -c .", RestoreCommand: loadFiles, Extension: ".tar"},
					State: func(t testing.TB) string {
						return c.Exec(t, "sh", "-c", "cd /files; find . | sort; cat one random | sha256sum")
					},
					Damage: func(t testing.TB) { c.Exec(t, "sh", "-c", "cd /files; echo two >one; echo more >more") },
				})
			})
			t.Run("by hand", func(t *testing.T) { execByHand(t, c, p) })
			t.Run("exit codes", func(t *testing.T) { execExitCodes(t, p, shell) })
			t.Run("pipes", func(t *testing.T) { execPipes(t, c, p, shell) })
			t.Run("input that breaks off", func(t *testing.T) { execBrokenInput(t, c, p) })
			t.Run("command that does not read it all", func(t *testing.T) { execLazyCommand(t, c, p) })
			t.Run("called off", func(t *testing.T) { execCalledOff(t, c, p) })
		})
	}
}

func execByHand(t *testing.T, c *enginetest.Container, p strategy.Container) {
	opt := strategy.Options{DumpCommand: saveFiles, RestoreCommand: loadFiles}
	var dump bytes.Buffer
	if _, err := execEntry(t).Strategy.Dump(t.Context(), p, opt, &dump); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "rm", "/files/one")
	enginetest.Shell(t, execEntry(t).Recipe(opt), &dump, "CONTAINER="+c.Name)
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("restored %q", got)
	}
}

func execExitCodes(t *testing.T, p strategy.Container, shell string) {
	for _, bad := range []struct{ command, want string }{
		{"echo it is broken >&2; exit 3", "exit code 3: it is broken"},
		{"echo half; nosuchcommand", "nosuchcommand"},
		{"echo 'unclosed", "exit code 2"},
		{"echo half; kill -KILL $$", "exit code 137"},
		{"(exit 4)", "exit code 4"},
	} {
		var out bytes.Buffer
		_, err := execEntry(t).Strategy.Dump(t.Context(), p, strategy.Options{DumpCommand: bad.command}, &out)
		var exit *strategy.ExitError
		if !errors.As(err, &exit) || !strings.Contains(err.Error(), bad.want) || !strings.Contains(err.Error(), "dump-command") {
			t.Errorf("%s: error %v, want %q", bad.command, err, bad.want)
		}
		_, err = execEntry(t).Strategy.Restore(t.Context(), p, strategy.Options{RestoreCommand: bad.command}, strings.NewReader("x"))
		if !errors.As(err, &exit) || !strings.Contains(err.Error(), bad.want) || !strings.Contains(err.Error(), "restore-command") {
			t.Errorf("%s: error %v, want %q", bad.command, err, bad.want)
		}
	}
	if _, err := execEntry(t).Strategy.Restore(t.Context(), p, strategy.Options{RestoreCommand: "echo on stdout; exit 1"}, strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "on stdout") {
		t.Errorf("what a restore-command says on its stdout is lost: %v", err)
	}
	if report, err := execEntry(t).Strategy.Dump(t.Context(), p, strategy.Options{DumpCommand: "echo a || echo b"}, io.Discard); err != nil || len(report.Warnings) != 0 {
		t.Errorf("no pipe at all: %v, warnings %q", err, report.Warnings)
	}
}

// A pipe whose failure the shell cannot tell is refused before it runs, with the way out; the way out works.
func execPipes(t *testing.T, c *enginetest.Container, p strategy.Container, shell string) {
	exec := execEntry(t).Strategy
	var out bytes.Buffer
	_, dumpErr := exec.Dump(t.Context(), p, strategy.Options{DumpCommand: "touch /ran; (echo half; exit 5) | cat"}, &out)
	in := strings.NewReader("precious")
	_, restoreErr := exec.Restore(t.Context(), p, strategy.Options{RestoreCommand: "touch /ran; (cat; exit 5) | cat"}, in)
	for label, err := range map[string]error{"dump-command": dumpErr, "restore-command": restoreErr} {
		want := []string{label, "exit code 5"}
		if shell == "dash" {
			want = []string{label, "pipefail", "bash -o pipefail -c", "a file first"}
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("a pipe that fails in the middle: error %v, want %q", err, w)
			}
		}
	}
	if ran := c.Exec(t, "sh", "-c", "ls /ran 2>/dev/null; rm -f /ran"); shell == "dash" && (ran != "" || out.Len() != 0 || in.Len() != len("precious")) {
		t.Errorf("a refused command ran: %q, wrote %q, left %d bytes", ran, out.String(), in.Len())
	}
	out.Reset()
	if _, err := exec.Dump(t.Context(), p, strategy.Options{DumpCommand: "echo a || echo b"}, &out); err != nil || out.String() != "a\n" {
		t.Errorf("no pipe at all: %q, %v", out.String(), err)
	}
	if shell == "busybox" { // the image has no bash
		return
	}
	out.Reset()
	if _, err := exec.Dump(t.Context(), p, strategy.Options{DumpCommand: "bash -o pipefail -c 'echo whole | cat'"}, &out); err != nil || out.String() != "whole\n" {
		t.Errorf("the remedy: %q, %v", out.String(), err)
	}
	if _, err := exec.Dump(t.Context(), p, strategy.Options{DumpCommand: "bash -o pipefail -c '(echo half; exit 5) | cat'"}, io.Discard); err == nil || !strings.Contains(err.Error(), "exit code 5") {
		t.Errorf("the remedy hides an exit code: %v", err)
	}
}

// A command that would commit what it has when its input ends must not see an end that is none.
func execBrokenInput(t *testing.T, c *enginetest.Container, p strategy.Container) {
	commit := strategy.Options{RestoreCommand: "rm -f /committed; cat >/loaded && cp /loaded /committed"}
	cause := errors.New("the target went away")
	_, err := execEntry(t).Strategy.Restore(t.Context(), p, commit, strategytest.Refused([]byte("half of it"), cause))
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
	// The appliance is killed: the engine closes the command's input, which looks like its end.
	enginetest.Shell(t, `printf half | docker exec -i "$CONTAINER" sh -c "$SCRIPT" sh "$COMMAND" || true`, nil,
		"CONTAINER="+c.Name, "SCRIPT="+strategy.ExecRestoreScript, "COMMAND="+commit.RestoreCommand)
	if out := c.Exec(t, "sh", "-c", "ls /committed 2>/dev/null; true"); out != "" {
		t.Error("a broken input was committed")
	}
	if _, err := execEntry(t).Strategy.Restore(t.Context(), p, commit, strings.NewReader("all of it")); err != nil {
		t.Fatal(err)
	}
	if got := c.Exec(t, "cat", "/committed"); got != "all of it" {
		t.Errorf("committed %q", got)
	}
	if _, err := execEntry(t).Strategy.Restore(t.Context(), p, commit, strings.NewReader("")); err != nil {
		t.Errorf("an empty input: %v", err)
	}
}

func execLazyCommand(t *testing.T, c *enginetest.Container, p strategy.Container) {
	long := strings.Repeat("a line\n", 500_000)
	if _, err := execEntry(t).Strategy.Restore(t.Context(), p, strategy.Options{RestoreCommand: "head -n 1 >/first"}, strings.NewReader(long)); err != nil {
		t.Error(err)
	}
	if got := c.Exec(t, "cat", "/first"); got != "a line" {
		t.Errorf("it read %q", got)
	}
}

// Nothing goes on once a run is called off, and whoever is the container's first process gets no orphan that died.
func execCalledOff(t *testing.T, c *enginetest.Container, p strategy.Container) {
	for name, command := range map[string]string{
		"simple": "echo begun; sleep 1000", "pipe": ": pipefail; echo begun; sleep 1000 | cat", "sequence": "echo begun; sleep 1000; sleep 1001",
		"deaf": "trap '' TERM; echo begun; sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("it did not end"))
			defer cancel()
			begun := &onFirst{do: func() { cancel() }}
			if _, err := execEntry(t).Strategy.Dump(ctx, p, strategy.Options{DumpCommand: command}, begun); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
			if left := c.Exec(t, "sh", "-c", `for f in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$f"; echo; done 2>/dev/null | grep '^sleep 100' || true`); left != "" {
				t.Errorf("still running: %s", left)
			}
		})
	}
}

type onFirst struct{ do func() }

func (f *onFirst) Write(p []byte) (int, error) {
	if f.do != nil {
		f.do()
		f.do = nil
	}
	return len(p), nil
}

// PostgreSQL's first process takes an orphan that died by a signal for one of its own and restarts the server.
func TestExec_CalledOffInAPostgresContainerDoesNotRestartTheServer(t *testing.T) {
	c := enginetest.StartPostgres(t, "17", enginetest.RunOptions{})
	c.Exec(t, "psql", "-U", "postgres", "-qc", "create table big as select i, repeat(md5(i::text), 30) as t from generate_series(1, 200000) i")
	p := port.New(t, c)
	for name, command := range map[string]string{
		"simple": "pg_dump -U postgres", "pipe": ": pipefail; pg_dump -U postgres | cat", "sequence": "pg_dump -U postgres && echo",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := execEntry(t).Strategy.Dump(ctx, p, strategy.Options{DumpCommand: command}, &onFirst{do: cancel}); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			defer cancel()
			slow := &onRead{r: strings.NewReader("begin; select pg_sleep(600);\n"), then: cancel}
			_, err := execEntry(t).Strategy.Restore(ctx, p, strategy.Options{RestoreCommand: strings.ReplaceAll(command, "pg_dump", "psql")}, slow)
			if err == nil {
				t.Error("a restore that was called off counts as done")
			}
		})
	}
	if got := c.Exec(t, "psql", "-U", "postgres", "-Atc", "select count(*) from big"); got != "200000" {
		t.Errorf("the server answers %q", got)
	}
	if log := c.Logs(t); strings.Contains(log, "terminated by signal") || strings.Contains(log, "all server processes terminated") {
		t.Errorf("the server was restarted:\n%s", log)
	}
}

// onRead breaks off after what it has, once it has told.
type onRead struct {
	r    io.Reader
	then func()
}

func (o *onRead) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if errors.Is(err, io.EOF) {
		o.then()
		return n, errors.New("called off")
	}
	return n, err
}

func TestExec_ContainerKilledMidDump(t *testing.T) {
	c, p := startShell(t, "dash", enginetest.RunOptions{})
	kill := &onFirst{do: func() { enginetest.Docker(t, "kill", c.ID) }}
	if _, err := execEntry(t).Strategy.Dump(t.Context(), p, strategy.Options{DumpCommand: "while :; do echo data; done"}, kill); err == nil {
		t.Error("a dump from a container that was killed counts as done")
	}
}

func TestExec_WithoutCommands(t *testing.T) {
	c, p := startShell(t, "dash", enginetest.RunOptions{})
	c.Exec(t, "touch", "/here")
	if _, err := execEntry(t).Strategy.Dump(t.Context(), p, strategy.Options{}, io.Discard); err == nil || !strings.Contains(err.Error(), "dump-command") {
		t.Errorf("error %v", err)
	}
	r := strings.NewReader("precious")
	_, err := execEntry(t).Strategy.Restore(t.Context(), p, strategy.Options{DumpCommand: "x"}, r)
	if err == nil || !strings.Contains(err.Error(), "restore-command") || !strings.Contains(err.Error(), "--stdout") || r.Len() != len("precious") {
		t.Errorf("error %v, %d bytes left", err, r.Len())
	}
}

func TestExec_ReadOnlyRootAndAnotherUser(t *testing.T) {
	_, p := startShell(t, "dash", enginetest.RunOptions{Args: []string{"--read-only", "--user", "65534", "--tmpfs", "/state:mode=1777"}})
	if _, err := execEntry(t).Strategy.Restore(t.Context(), p, strategy.Options{RestoreCommand: "cat >/state/x"}, strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := execEntry(t).Strategy.Dump(t.Context(), p, strategy.Options{DumpCommand: "id -u; cat /state/x"}, &out); err != nil || out.String() != "65534\nhello" {
		t.Errorf("output %q, error %v", out.String(), err)
	}
}
