package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// redis saves Redis and its kin as an RDB file that the server writes of itself, and puts it back key by key.
type redis struct{}

func redisEntry() Entry {
	return Entry{
		Name:      "redis",
		Aliases:   []string{"valkey"},
		Extension: ".rdb",
		Images: []string{
			"redis", "redis-[0-9]*", "redis-stack", "redis-stack-server", "redis-cluster", "redismod", "rejson", "redisearch", "redistimeseries",
			"valkey", "valkey-[0-9]*", "valkey-bundle", "valkey-cluster", "keydb", "dragonfly",
		},
		Available: true,
		Strategy:  redis{},
		Prover:    newRedisProver,
		Recipe:    redisRecipe,
	}
}

// The server drops a client that takes its RDB over the network and stalls for a minute; a file has no such haste. A
// later save replaces the file, but one that is open stays what it was. A server that is told never to save would
// find our file at its next start and load it, so there it is removed as soon as it is open.
const redisDumpScript = `dir=$(config dir)
file=$(config dbfilename)
[ -n "$dir" ] && [ -n "$file" ] || say "the server does not tell where it saves: $(call CONFIG GET dir </dev/null 2>&1); set the label user to an account that may run INFO, CONFIG GET, BGSAVE and PING"
path=$dir/$file
there=1
[ -e "$path" ] || there=
keep=$(config save)
save
[ -r "$path" ] || say "the server saved to $path, which cannot be read in the container"
exec 3<"$path"
[ -n "$there$keep" ] || rm -f "$path"
exec cat <&3
`

// Dump lets the server save its data anew, and writes what it saved.
func (redis) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	if opt.Databases != nil {
		return Report{}, errors.New("an RDB file holds all databases: remove the label databases")
	}
	session := redisSession{c, opt}
	server, err := session.server(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{EngineVersion: server.version, Warnings: server.warnings()}
	if err := session.run(ctx, redisDumpScript, nil, w); err != nil {
		return report, fmt.Errorf("dump data: %w", err)
	}
	return report, nil
}

func (s redisServer) warnings() []string {
	var out []string
	if s.fields["rdbchecksum"] == "no" {
		out = append(out, "rdbchecksum is off: the server writes no checksum, so only the form of the dump could be proven")
	}
	if s.fields["cluster_enabled"] == "1" {
		out = append(out, "the server is one node of a cluster: the backup holds the keys of this node only")
	}
	if s.role == "slave" && s.fields["master_link_status"] != "up" {
		out = append(out, "the server is a replica that has lost its master: the backup may be older than it looks")
	}
	if s.fields["keydb"] != "" {
		out = append(out, "the server is KeyDB: times at which members of a set expire are not put back by a restore")
	}
	return out
}

// redisRecipe restores the raw form by hand: a second server in the container loads the file, and the first one copies
// it as its replica. That holds with an append-only file too, beside which an RDB file would be ignored.
func redisRecipe(opt Options) string {
	find := `export REDISCLI_AUTH="${REDISCLI_AUTH:-${REDIS_PASSWORD:-${VALKEY_PASSWORD:-}}}"`
	if opt.PasswordEnv != "" {
		find = `export REDISCLI_AUTH="${` + opt.PasswordEnv + `:-}"`
	}
	if opt.PasswordFile != "" {
		find = `export REDISCLI_AUTH="$(cat ` + quoteShell(opt.PasswordFile) + `)"`
	}
	user := ""
	if opt.User != "" {
		user = " --user " + quoteShell(opt.User)
	}
	script := `set -e
s=$(command -v redis-server || command -v valkey-server); c=$(command -v redis-cli || command -v valkey-cli)
` + find + `
[ -n "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH
d=$(mktemp -d)
trap 'env -u REDISCLI_AUTH "$c" -p 6399 SHUTDOWN NOSAVE >/dev/null 2>&1 || true; rm -rf "$d"' EXIT
cat > "$d/dump.rdb"
"$s" --port 6399 --bind 127.0.0.1 --dir "$d" --save "" --daemonize yes >/dev/null
i=0; until [ "$(env -u REDISCLI_AUTH "$c" -p 6399 PING 2>/dev/null)" = PONG ]; do i=$((i+1)); [ $i -lt 600 ]; sleep 1; done
"$c"` + user + ` REPLICAOF 127.0.0.1 6399
i=0; until "$c"` + user + ` INFO replication | grep -q "^master_link_status:up"; do i=$((i+1)); [ $i -lt 3600 ]; sleep 1; done
"$c"` + user + ` REPLICAOF NO ONE`
	return `docker exec -i -e REDISCLI_AUTH "$CONTAINER" sh -c ` + quoteShell(script)
}
