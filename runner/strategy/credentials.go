package strategy

import (
	"context"
	"io"
)

// shellPrelude is what every script that has to find an engine's account begins with. It looks inside the container,
// where the credentials already are: what it finds stays in the shell's own variables, and a script hands it on in the
// environment of its own processes only: never as an argument, never to us.
//
//	say TEXT      ends the script with a sentence for the record
//	value NAME    sets v to what is in the file that NAME_FILE names, or else to the variable's value, or to nothing
//	any NAME...   the first of them that is not empty
//	named         sets v to the password that the labels password-env or password-file name, and from to where it
//	              was; false when neither label is set, and the script's own end when it is not there
//
// The label user is in SDB_USER. `forget` takes the labels out of the environment of what the script starts.
const shellPrelude = `say() { echo "$1" >&2; exit 64; }
value() {
	eval "v=\${$1:-} f=\${${1}_FILE:-}"
	if [ -z "$f" ]; then :
	elif [ -f "$f" ] && [ -r "$f" ]; then v=$(cat "$f")
	elif [ -z "$v" ]; then say "${1}_FILE names $f, which cannot be read"
	fi
}
any() { v=; for n in "$@"; do value "$n"; [ -z "$v" ] || return 0; done; }
named() {
	if [ -n "${SDB_PASSWORD_ENV:-}" ]; then
		from=$SDB_PASSWORD_ENV
		case "$from" in [0-9]*|*[!A-Za-z0-9_]*) say "password-env: $from is not the name of a variable" ;; esac
		eval "v=\${$from:-}"
		[ -n "$v" ] || say "password-env: the container has no variable $from"
	elif [ -n "${SDB_PASSWORD_FILE:-}" ]; then
		from=$SDB_PASSWORD_FILE
		[ -f "$from" ] && [ -r "$from" ] || say "password-file: $from cannot be read in the container"
		v=$(cat "$from")
		[ -n "$v" ] || say "password-file: $from is empty"
	else return 1
	fi
}
forget() { unset SDB_USER SDB_PASSWORD_ENV SDB_PASSWORD_FILE; }
`

// runShell executes script behind the prelude, with the job's labels in its environment. Arguments are "$1", "$2"…
func runShell(ctx context.Context, c Container, opt Options, cmd Command, script string, args ...string) error {
	for _, label := range [][2]string{{"SDB_USER", opt.User}, {"SDB_PASSWORD_ENV", opt.PasswordEnv}, {"SDB_PASSWORD_FILE", opt.PasswordFile}} {
		if label[1] != "" {
			cmd.Env = append(cmd.Env, label[0]+"="+label[1])
		}
	}
	cmd.Args = append([]string{"sh", "-c", shellPrelude + script, "sh"}, args...)
	return c.Exec(ctx, cmd)
}

// piped is a command with these ends.
func piped(stdin io.Reader, stdout io.Writer) Command { return Command{Stdin: stdin, Stdout: stdout} }
