package strategy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// redisPrelude finds the client, the way to the server and a password inside the container, where they already are.
// The server wipes its own command line, so the engine hands it to this script.
const redisPrelude = `set -u
cli=
for n in redis-cli valkey-cli keydb-cli; do if command -v "$n" >/dev/null 2>&1; then cli=$n; break; fi; done
[ -n "$cli" ] || say "neither redis-cli nor valkey-cli is in this image: choose an image with the client, or another strategy"
given="$SDB_ARGV
$(for w in ${REDIS_ARGS:-} ${VALKEY_EXTRA_FLAGS:-}; do echo "$w"; done)"
option() {
	v= next=
	while IFS= read -r line; do
		if [ -n "$next" ]; then v=$line next=; continue; fi
		case "$line" in
		"--$1") next=1 ;;
		*"--$1 "*)
			v=${line#*"--$1 "}
			case "$v" in
			\"*) v=${v#?}; v=${v%%\"*} ;;
			\'*) v=${v#?}; v=${v%%\'*} ;;
			*) v=${v%%[ ;\&|]*} ;;
			esac
			case "$v" in \$*)
				v=${v#?}; v=${v#\{}; v=${v%\}}; v=${v%%:*}
				case "$v" in ''|[0-9]*|*[!A-Za-z0-9_]*) v= ;; *) eval "v=\${$v:-}" ;; esac ;;
			esac ;;
		esac
	done <<EOF
$given
EOF
}
files=$(for w in $given; do case "$w" in *.conf) echo "$w" ;; esac; done)
setting() {
	option "$1"
	[ -z "$v" ] || return 0
	for f in $files /usr/local/etc/redis/redis.conf /usr/local/etc/valkey/valkey.conf /etc/redis/redis.conf /etc/valkey/valkey.conf /etc/redis.conf /opt/bitnami/redis/etc/redis.conf /opt/bitnami/valkey/etc/valkey.conf /data/redis.conf; do
		[ -f "$f" ] && [ -r "$f" ] || continue
		while read -r key word; do
			if [ "$key" = "$1" ]; then v=${word#[\"\']}; v=${v%[\"\']}; fi
		done <"$f"
		[ -z "$v" ] || return 0
	done
}
host=127.0.0.1 port= socket= tls=
for f in /proc/[0-9]*/cmdline; do
	title=$(tr '\000' ' ' <"$f" 2>/dev/null) || continue
	case "${title%% *}" in *redis-server|*valkey-server|*keydb-server) ;; *) continue ;; esac
	title=${title#* }; title=${title%% *}
	case "$title" in
	unixsocket:*) socket=${title#unixsocket:} ;;
	*:[0-9]*) port=${title##*:}; title=${title%:*}
		case "$title" in *\**|0.0.0.0|::|'') ;; *) host=$title ;; esac ;;
	esac
	break
done
case "$port" in ''|*[!0-9]*) setting port; port=${v:-6379}; if [ "$port" = 0 ]; then setting tls-port; port=${v:-6379}; fi ;; esac
user=${SDB_USER:-} pass= from= old=${REDISCLI_AUTH:-${VALKEYCLI_AUTH:-}}
if named; then pass=$v; fi
forget
unset SDB_ARGV REDISCLI_AUTH VALKEYCLI_AUTH
ca= cert= key=
call() {
	if [ -n "$socket" ]; then "$cli" -s "$socket" ${user:+--user "$user"} "$@"
	elif [ -z "$tls" ]; then "$cli" -h "$host" -p "$port" ${user:+--user "$user"} "$@"
	elif [ -n "$ca" ]; then "$cli" -h "$host" -p "$port" ${user:+--user "$user"} --tls --cacert "$ca" ${cert:+--cert "$cert" --key "$key"} "$@"
	else "$cli" -h "$host" -p "$port" ${user:+--user "$user"} --tls --insecure ${cert:+--cert "$cert" --key "$key"} "$@"
	fi
}
ping() { answer=$(call PING 2>&1 </dev/null) || :; }
redis() { case "$answer" in *PONG*|*NOAUTH*|*WRONGPASS*|*NOPERM*|*LOADING*|*'AUTH failed'*|*ERR*|*MASTERDOWN*|*MISCONF*) return 0 ;; esac; return 1; }
ping
if ! redis && [ -z "$socket" ]; then
	plain=$answer tls=1
	setting tls-ca-cert-file; ca=$v
	setting tls-cert-file; cert=$v
	setting tls-key-file; key=$v
	[ -r "$ca" ] || ca=
	[ -r "$cert" ] && [ -r "$key" ] || cert=
	ping
	redis || say "the server does not answer at $host:$port: $plain; with TLS: $answer"
fi
redis || say "the server does not answer at $socket: $answer"
login() {
	[ -n "$1" ] || return 1
	export REDISCLI_AUTH="$1" VALKEYCLI_AUTH="$1"
	tries=0
	while ping; do
		case "$answer" in
		*'AUTH failed'*|*NOAUTH*|*WRONGPASS*) unset REDISCLI_AUTH VALKEYCLI_AUTH; return 1 ;;
		*LOADING*) [ $tries -lt 120 ] || say "the server is still loading its data: $answer" ;;
		*) return 0 ;;
		esac
		tries=$((tries+1)); sleep 1
	done
}
known() {
	for n in REDIS_PASSWORD VALKEY_PASSWORD KEYDB_PASSWORD REDIS_MASTER_PASSWORD REDIS_PASS; do value "$n"; if login "$v"; then return 0; fi; done
	if login "$old"; then return 0; fi
	setting requirepass
	login "$v"
}
if [ -n "$from" ]; then
	login "$pass" || say "the server refuses the password in $from${user:+ of the user $user}: $answer"
elif [ -n "$user" ]; then
	known || say "the user $user needs a password, and none that is known here fits: set the label password-env or password-file"
else
	case "$answer" in
	*NOAUTH*|*WRONGPASS*|*'AUTH failed'*)
		known || say "the server wants a password, and none that is known here fits (REDIS_PASSWORD and its kind, requirepass on the command line or in the configuration): set the label password-env or password-file" ;;
	*LOADING*)
		tries=0
		while ping; case "$answer" in *LOADING*) [ $tries -lt 120 ] ;; *) false ;; esac; do tries=$((tries+1)); sleep 1; done ;;
	esac
fi
unset old pass v given
case "$answer" in *PONG*|*NOPERM*) ;; *) say "the server says: $answer" ;; esac
config() { call CONFIG GET "$1" </dev/null | sed -n 2p; }
info() { call INFO "$@" </dev/null | tr -d '\r'; }
runid() { info server | sed -n 's/^run_id://p'; }
save() {
	run=$(runid)
	[ -n "$run" ] || say "the account may not run INFO: $(call INFO server </dev/null 2>&1)"
	while :; do
		said=$(call BGSAVE </dev/null 2>&1)
		case "$said" in
		*tarted*) break ;;
		*'in progress'*|*"can't BGSAVE"*|*"Can't BGSAVE"*|*LOADING*) sleep 1 ;;
		*) say "BGSAVE: $said" ;;
		esac
	done
	while :; do
		state=$(info persistence)
		case "$state" in
		*rdb_bgsave_in_progress:1*) sleep 0.2 2>/dev/null || sleep 1 ;;
		*rdb_bgsave_in_progress:0*) break ;;
		*) say "the server went away while it saved: $state" ;;
		esac
	done
	case "$state" in *rdb_last_bgsave_status:ok*) ;; *) say "the server could not save its data (is its disk full, or its folder read-only? its log says why)" ;; esac
	[ "$(runid)" = "$run" ] || say "the server was started again while it saved"
}
`

// redisSession runs the engine's own client inside one container.
type redisSession struct {
	c   Container
	opt Options
}

// run executes script behind the prelude. Arguments are "$1", "$2"…
func (s redisSession) run(ctx context.Context, script string, stdin io.Reader, stdout io.Writer, args ...string) error {
	cmd := piped(stdin, stdout)
	cmd.OwnArgs = "SDB_ARGV"
	return runShell(ctx, s.c, s.opt, cmd, redisPrelude+script, args...)
}

// redisServer is what the server says about itself.
type redisServer struct {
	version   string
	role      string
	fields    map[string]string // of INFO
	databases uint64            // how many there may be
	keys      map[uint64]int64  // per database that has any
	libraries int64             // of functions; -1: the server has no such thing
	room      int64             // bytes of memory that could still be used; -1: not known
}

const redisFactsScript = `info
echo "databases:$(config databases)"
echo "libraries:$(call FUNCTION LIST </dev/null 2>&1 | grep -E '^library_name|^ERR|^NOPERM' | sed 's/ .*//' | tr '\n' ' ')"
sed -n 's/^MemAvailable: *\([0-9]*\) kB/available:\1/p' /proc/meminfo
for f in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do if [ -r $f ]; then echo "limit:$(cat $f)"; fi; done
for f in /sys/fs/cgroup/memory.current /sys/fs/cgroup/memory/memory.usage_in_bytes; do if [ -r $f ]; then echo "usage:$(cat $f)"; fi; done
[ "$cli" != keydb-cli ] || echo "keydb:1"
echo "rdbchecksum:$(config rdbchecksum)"
echo "save:$(config save)"
`

func (s redisSession) server(ctx context.Context) (redisServer, error) {
	out := &limitedBuffer{most: 1 << 20}
	if err := s.run(ctx, redisFactsScript, nil, out); err != nil {
		return redisServer{}, fmt.Errorf("ask the server (the labels user, password-env and password-file say who asks): %w", err)
	}
	server := redisServer{fields: map[string]string{}, keys: map[uint64]int64{}, room: -1}
	scan := bufio.NewScanner(bytes.NewReader(out.Bytes()))
	for scan.Scan() {
		name, value, ok := strings.Cut(scan.Text(), ":")
		if !ok {
			continue
		}
		server.fields[name] = value
		if n, err := strconv.ParseUint(strings.TrimPrefix(name, "db"), 10, 31); err == nil && strings.HasPrefix(value, "keys=") {
			text, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
			if server.keys[n], err = strconv.ParseInt(text, 10, 64); err != nil {
				return server, fmt.Errorf("read the server's answer: %w", err)
			}
		}
	}
	server.role = server.fields["role"]
	switch {
	case server.fields["dragonfly_version"] != "":
		return server, errors.New("dragonfly does not write RDB files of its own accord: use the strategy exec or volume for it")
	case server.fields["valkey_version"] != "":
		server.version = server.fields["valkey_version"] + "-Valkey"
	case server.fields["redis_version"] != "":
		server.version = server.fields["redis_version"]
	default:
		return server, fmt.Errorf("ask the server: it answers INFO with %.200q; set the label user to an account that may run INFO, CONFIG GET, BGSAVE and PING", strings.TrimSpace(out.String()))
	}
	server.databases = uint64(max(server.number("databases"), 1))
	server.libraries = int64(strings.Count(server.fields["libraries"], "library_name"))
	if strings.Contains(server.fields["libraries"], "ERR") {
		server.libraries = -1
	}
	server.room = server.free()
	return server, scan.Err()
}

func (s redisServer) number(name string) int64 {
	n, err := strconv.ParseInt(s.fields[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// free is how much memory the server could still take, by its own limit, its container's and its machine's.
func (s redisServer) free() int64 {
	room := s.number("available") * 1024
	if room == 0 {
		return -1
	}
	if limit := s.number("limit"); limit > 0 {
		room = min(room, limit-s.number("usage"))
	}
	if most := s.number("maxmemory"); most > 0 {
		room = min(room, most-s.number("used_memory"))
	}
	return max(room, 0)
}
