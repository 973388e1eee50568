package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// mongoPrelude finds tools, server, user and password inside the container, where they already are. The password
// goes through a pipe as the tool's configuration, or as the answer to its question where it knows no such thing:
// never as an argument, never in an environment, never to us.
const mongoPrelude = `set -u
for name in mongodump mongorestore; do
	command -v $name >/dev/null 2>&1 || say "$name is not in this image: choose an image with MongoDB's database tools, or another strategy"
done
any MONGO_INITDB_ROOT_USERNAME MONGODB_INITDB_ROOT_USERNAME MONGODB_ROOT_USER; root=${v:-root}
any MONGO_INITDB_ROOT_PASSWORD MONGODB_INITDB_ROOT_PASSWORD MONGODB_ROOT_PASSWORD; pass=$v
user=${SDB_USER:-$root}
if named; then pass=$v
elif [ "$user" != "$root" ]; then pass=
fi
[ -n "$pass" ] || [ -z "${SDB_USER:-}" ] || say "the user $user needs a password, and none is known here: set the label password-env or password-file"
[ -n "$pass" ] || user=
forget
given= nl='
'
for f in /proc/[0-9]*/cmdline; do
	line=$(tr '\000' '\n' <"$f" 2>/dev/null) || continue
	case "${line%%"$nl"*}" in mongod|mongos|*/mongod|*/mongos) given=$line; break ;; esac
done
option() {
	v= next= was=$IFS
	IFS=$nl; set -f
	for w in $given; do
		if [ -n "$next" ]; then v=$w next=; continue; fi
		case "$w" in "$1") next=1 ;; "$1="*) v=${w#*=} ;; esac
	done
	IFS=$was; set +f
}
option --config; conf=$v
[ -n "$conf" ] || { option -f; conf=$v; }
setting() {
	for o in $1; do option "--$o"; [ -z "$v" ] || return 0; done
	[ -n "$conf" ] && [ -r "$conf" ] || return 0
	v=$(sed -nE "s/^[[:space:]]*($2):[[:space:]]*//p" "$conf" | sed "s/[[:space:]]#.*//;s/[[:space:]]*\$//;s/^[\"']//;s/[\"']\$//" | grep -E "^($3)\$" | head -n 1) || v=
}
setting port port '[0-9]+'; port=${v:-${MONGODB_PORT_NUMBER:-27017}}
setting bind_ip bindIp '.+'; host=127.0.0.1
case ",$v," in ,,|*,127.0.0.1,*|*,localhost,*|*,0.0.0.0,*|*,\*,*|*,::,*) ;; *) host=${v%%,*} ;; esac
setting 'tlsMode sslMode' mode 'requireTLS|requireSSL'
case "$v" in require*) tls=1 ;; *) tls= ;; esac
if [ -n "$tls" ]; then
	setting 'tlsCertificateKeyFile sslPEMKeyFile' 'certificateKeyFile|PEMKeyFile' '/.+'; cert=$v
	[ -r "$cert" ] || cert=
fi
tool() {
	name=$1; shift
	set -- --host="$host" --port="$port" "$@"
	knows=$("$name" --help 2>&1 </dev/null)
	if [ -n "$tls" ]; then
		case "$knows" in
		*--tlsInsecure*) set -- --ssl --tlsInsecure ${cert:+--sslPEMKeyFile="$cert"} "$@" ;;
		*) set -- --ssl --sslAllowInvalidCertificates --sslAllowInvalidHostnames ${cert:+--sslPEMKeyFile="$cert"} "$@" ;;
		esac
	fi
	if [ -z "$user" ]; then "$name" "$@"; return; fi
	set -- --username="$user" --authenticationDatabase=admin "$@"
	case "$knows" in
	*--config*)
		quoted=$(printf %s "$pass" | sed "s/'/''/g")
		{ printf "password: '%s'\n" "$quoted" | "$name" --config=/dev/fd/3 "$@" 3<&0 <&4 4<&-; } 4<&0 ;;
	*) { printf '%s\n' "$pass"; cat; } | "$name" "$@" ;;
	esac
}
`

// mongoSession runs MongoDB's own tools inside one container.
type mongoSession struct {
	c   Container
	opt Options
}

// run executes script behind the prelude. Arguments are "$1", "$2"… The error says what the tool said at its end.
func (s mongoSession) run(ctx context.Context, script string, stdin io.Reader, stdout, stderr io.Writer, args ...string) error {
	cmd := piped(stdin, stdout)
	cmd.Stderr = stderr
	return mongoSaid(runShell(ctx, s.c, s.opt, cmd, mongoPrelude+script, args...))
}

var (
	mongoStamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+[-+Z\d:]*\s+`)
	mongoNoise = regexp.MustCompile(`^(writing |using write concern|done dumping |dumped |restoring |finished restoring |reading |preparing |dropping |no indexes |index: |connected to |restoring indexes |setting number |\[|.*WARNING: --sslAllow|\d+ document\(s\) restored)`)
)

// mongoSaid leaves out what the tools tell of their progress: the reason stands among it.
func mongoSaid(err error) error {
	var exit *ExitError
	if !errors.As(err, &exit) {
		return err
	}
	var kept []string
	for line := range strings.Lines(exit.Stderr) {
		line = strings.TrimSpace(mongoStamp.ReplaceAllString(strings.TrimSpace(line), ""))
		if line != "" && !mongoNoise.MatchString(line) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		return err
	}
	return &ExitError{Code: exit.Code, Stderr: strings.Join(kept, "\n"), Missing: exit.Missing}
}

// mongoListing takes down what an archive begins with.
type mongoListing struct {
	scan    *mongoScan
	version string // of the server
	spaces  []mongoNamespace
	raw     [][]byte // the same, as they stand in the archive
	size    int
}

// errMongoListed ends a scan, and with it a dump that was only asked for what is there.
var errMongoListed = errors.New("the list is complete")

func newMongoListing() *mongoListing {
	l := &mongoListing{}
	l.scan = newMongoScan(mongoSink{
		header:   func(version string) error { l.version = version; return nil },
		announce: l.announce,
		begin:    func() error { return errMongoListed },
	})
	return l
}

func (l *mongoListing) announce(n mongoNamespace, raw []byte) error {
	if l.size += len(raw); l.size > maxMongoNames {
		return errors.New("there are more collections than can be listed: give some databases a job of their own")
	}
	l.spaces, l.raw = append(l.spaces, n), append(l.raw, bytes.Clone(raw))
	return nil
}

// complete says whether the list came to its end.
func (l *mongoListing) complete() bool { return errors.Is(l.scan.err, errMongoListed) }

// Write never fails: the prover tells what is wrong.
func (l *mongoListing) Write(p []byte) (int, error) {
	if l.scan.err == nil {
		_ = l.scan.write(p)
	}
	return len(p), nil
}

// has says whether there is anything in a database.
func (l *mongoListing) has(db string) bool {
	return slices.ContainsFunc(l.spaces, func(n mongoNamespace) bool { return n.db == db })
}

// list asks the server for its version and for what a database has, or all of them: a dump begins with that.
func (s mongoSession) list(ctx context.Context, name string) (*mongoListing, error) {
	l := newMongoListing()
	err := s.run(ctx, mongoDumpScript, nil, scanWriter{l.scan}, nil, mongoDatabaseArgs(name)...)
	switch {
	case l.complete() && ctx.Err() == nil:
		return l, nil // what came after the list was not wanted
	case l.scan.err != nil:
		err = l.scan.err
	case err == nil:
		err = errors.New("mongodump wrote no archive")
	}
	return l, fmt.Errorf("ask the server for its collections (the labels user, password-env and password-file say who asks): %w", err)
}

func mongoDatabaseArgs(name string) []string {
	if name == "" {
		return nil
	}
	return []string{"--db=" + name}
}

// scanWriter lets a scan end the command that it follows.
type scanWriter struct{ scan *mongoScan }

func (w scanWriter) Write(p []byte) (int, error) {
	if err := w.scan.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

var mongoNode = regexp.MustCompile(`connected to node type: (\w+)`)

// node says whether the server is of a replica set ("replset"), a router ("mongos") or alone, and whom we log in as.
// Images need not have a shell for MongoDB, so mongorestore is asked, with nothing to restore.
func (s mongoSession) node(ctx context.Context) (kind, user string, err error) {
	var said, who bytes.Buffer
	nothing := append(mongoHead("4.0.0"), mongoEnd()...)
	err = s.run(ctx, `tool mongorestore --archive -vv && echo "$user"`, bytes.NewReader(nothing), &limitedWriter{w: &who, left: 4 << 10}, &limitedWriter{w: &said, left: 256 << 10})
	if found := mongoNode.FindSubmatch(said.Bytes()); err == nil && found != nil {
		return string(found[1]), strings.TrimSpace(who.String()), nil
	}
	if err == nil {
		err = errors.New("mongorestore does not tell")
	}
	return "", "", fmt.Errorf("ask the server whether it is of a replica set (the labels user, password-env and password-file say who asks): %w", err)
}

// limitedWriter keeps the begin of what is said.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if n := min(len(p), l.left); n > 0 {
		l.left -= n
		if _, err := l.w.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
