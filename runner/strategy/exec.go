package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// exec runs the owner's own commands inside the container: one that writes a backup, one that reads it back. What an
// engine without a strategy of its own needs stands in its labels.
type exec struct{}

func execEntry() Entry {
	return Entry{
		Name:      "exec",
		Extension: defaultExtension,
		Available: true,
		Strategy:  exec{},
		Prover:    func() Prover { return newExecProver(defaultExtension) },
		ProverFor: newExecProver,
		Recipe:    execRecipe,
	}
}

const defaultExtension = ".dump"

// execPrelude lets a pipe fail with any of its commands where the shell can do that, and makes the shell outlive what
// it runs: it waits for its children before it obeys TERM. An orphan that dies by a signal would make a server that
// is the container's first process start again.
const execPrelude = `trap 'exit 143' TERM
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi
SDB_COMMAND=$1
shift
`

const execDumpScript = execPrelude + `eval "$SDB_COMMAND"
`

// The end of the input proves nothing: it comes too when the appliance dies in the middle. So the one that passes the
// input on is told by a signal, beforehand, that the end to come is the true one. Without that it ends the command
// while its input is still open. A command that wants no more of it has what it needs.
const execRestoreScript = execPrelude + `exec 3>&1 >&2
{
	trap 'exit 143' TERM
	whole=
	trap 'whole=1' USR1
	sh -c 'read -r s </proc/$PPID/stat; set -- ${s##*) }; echo "$PPID ${20}"' >&3
	exec 3>&-
	code=0
	cat || code=$?
	[ $code != 141 ] || exit 0
	[ $code = 0 ] || cat >/dev/null
	if [ -z "$whole" ]; then
		trap : TERM
		echo "the input broke off: the restore was called off" >&2
		kill -s TERM -- "-$$" 2>/dev/null || kill -s TERM 0
		sleep 10
		exit 1
	fi
} | {
	trap 'exit 143' TERM
	exec 3>&-
	eval "$SDB_COMMAND"
}
`

// The process is known by its start as well: one that has ended may have given its id to somebody else.
const execWholeScript = `pid=$1 start=$2
read -r s 2>/dev/null </proc/$pid/stat || exit 0
set -- ${s##*) }
[ "${20}" != "$start" ] || kill -s USR1 "$pid"
`

// Extension is what the label says the command writes.
func (exec) Extension(_ context.Context, _ Container, opt Options) (string, error) {
	if opt.Extension == "" {
		return defaultExtension, nil
	}
	return opt.Extension, nil
}

// Dump writes what the dump-command writes, and believes its exit code. A command whose exit code may hide a failure is
// not run.
func (exec) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	if opt.DumpCommand == "" {
		return Report{}, errors.New("there is no dump-command: set the label dump-command to what writes the backup to its standard output")
	}
	if err := refusePipe(ctx, c, "dump-command", opt.DumpCommand); err != nil {
		return Report{}, err
	}
	if err := c.Exec(ctx, shellCommand(execDumpScript, opt.DumpCommand, nil, w)); err != nil {
		return Report{}, fmt.Errorf("dump-command: %w", err)
	}
	return Report{}, nil
}

// CanRestore says what is missing before anything is begun.
func (exec) CanRestore(ctx context.Context, c Container, opt Options) error {
	if opt.RestoreCommand != "" {
		return refusePipe(ctx, c, "restore-command", opt.RestoreCommand)
	}
	return errors.New("there is no restore-command: set the label restore-command on the service to what reads the backup from its standard input, " +
		"or fetch the backup with `restore --stdout` or `restore --to-dir` and load it by hand")
}

// Restore feeds r to the restore-command. What that does with half a backup is its own affair, so r is one that was
// read and checked in an earlier pass, and the command is ended before it could take a broken end for the end.
func (e exec) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	if err := e.CanRestore(ctx, c, opt); err != nil {
		return Report{}, fmt.Errorf("%w; nothing was changed", err)
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel() // a command that ended early leaves nobody to wait for
	feeder := &firstLine{found: make(chan string, 1)}
	in := &announced{r: r, announce: func() error {
		select {
		case line := <-feeder.found:
			return tellWhole(waiting, c, line)
		case <-waiting.Done():
			return context.Cause(waiting)
		}
	}}
	if err := c.Exec(ctx, shellCommand(execRestoreScript, opt.RestoreCommand, in, feeder)); err != nil {
		return Report{}, fmt.Errorf("restore-command: %w", err)
	}
	return Report{}, nil
}

// tellWhole tells the process that passes the input on, by its id and start, that all of it is there.
func tellWhole(ctx context.Context, c Container, process string) error {
	pid, start, _ := strings.Cut(process, " ")
	_, pidErr := strconv.ParseUint(pid, 10, 32)
	_, startErr := strconv.ParseUint(start, 10, 64)
	if err := errors.Join(pidErr, startErr); err != nil {
		return fmt.Errorf("tell the restore-command that its input is whole: who passes it on is not known: %w", err)
	}
	if err := c.Exec(ctx, Command{Args: []string{"sh", "-c", execWholeScript, "sh", pid, start}}); err != nil {
		return fmt.Errorf("tell the restore-command that its input is whole: %w", err)
	}
	return nil
}

func shellCommand(script, command string, stdin io.Reader, stdout io.Writer) Command {
	return Command{Args: []string{"sh", "-c", script, "sh", command}, Stdin: stdin, Stdout: stdout}
}

// refusePipe refuses a command with a pipe where the shell tells only how the pipe's last command ended: half a backup
// would count as a whole one.
func refusePipe(ctx context.Context, c Container, label, command string) error {
	if !hasPipe(command) {
		return nil
	}
	able, err := hasPipefail(ctx, c)
	if err != nil || able {
		return err
	}
	return fmt.Errorf("the %s has a pipe, and the container's sh knows no pipefail: a failure of all but the pipe's last command would go unseen. "+
		"Write it as `bash -o pipefail -c '…'` where the image has bash; leave a compressor out, as the appliance compresses and unpacks by itself; "+
		"or write to a file first and join the commands with &&", label)
}

func hasPipefail(ctx context.Context, c Container) (bool, error) {
	out := &limitedBuffer{most: 1 << 10}
	err := c.Exec(ctx, Command{Args: []string{"sh", "-c", `if (set -o pipefail) 2>/dev/null; then echo yes; fi`}, Stdout: out})
	if err != nil {
		return false, fmt.Errorf("ask the container's sh whether it knows pipefail: %w", err)
	}
	return strings.TrimSpace(out.String()) == "yes", nil
}

// announced tells somebody of its end before it shows it.
type announced struct {
	r        io.Reader
	announce func() error
	ended    bool
}

// Read implements io.Reader. The last bytes never come together with the end: they are on their way before the end
// is announced.
func (a *announced) Read(p []byte) (int, error) {
	if !a.ended {
		n, err := a.r.Read(p)
		if err != io.EOF { // a wrapped one is somebody's error
			return n, err
		}
		a.ended = true
		if n > 0 {
			return n, nil
		}
	}
	if a.announce != nil {
		if err := a.announce(); err != nil {
			return 0, err
		}
		a.announce = nil
	}
	return 0, io.EOF
}

// firstLine hands over the first line that is written, and drops the rest.
type firstLine struct {
	buf   []byte
	found chan string // buffered
	done  bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return len(p), nil
	}
	f.buf = append(f.buf, p...)
	line, _, whole := bytes.Cut(f.buf, []byte("\n"))
	if whole || len(f.buf) > 100 {
		f.done = true
		f.found <- strings.TrimSpace(string(line))
	}
	return len(p), nil
}

// execRecipe runs the restore-command by hand.
func execRecipe(opt Options) string {
	if opt.RestoreCommand == "" {
		extension := opt.Extension
		if extension == "" {
			extension = defaultExtension
		}
		return "# No restore-command was set: this leaves what the dump-command wrote as a file.\n" +
			"cat > " + quoteShell("backup"+extension)
	}
	return `docker exec -i "$CONTAINER" sh -c ` + quoteShell(opt.RestoreCommand)
}
