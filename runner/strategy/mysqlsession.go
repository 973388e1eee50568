package strategy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// myPrelude finds the tools and the account.
const myPrelude = `set -eu
tool() { for n in "$@"; do if command -v "$n" >/dev/null 2>&1; then echo "$n"; return; fi; done; }
client=$(tool mariadb mysql)
dump=$(tool mariadb-dump mysqldump)
[ -n "$client" ] || say "neither mariadb nor mysql is in this image: choose an image with the client tools, or another strategy"
[ -n "$dump" ] || say "neither mariadb-dump nor mysqldump is in this image: choose an image with the client tools, or another strategy"
any MARIADB_ROOT_USER MYSQL_ROOT_USER; root=${v:-root}
any MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD MARIADB_MASTER_ROOT_PASSWORD MYSQL_MASTER_ROOT_PASSWORD; rootpass=$v
any MARIADB_USER MYSQL_USER; own=$v
any MARIADB_PASSWORD MYSQL_PASSWORD; ownpass=$v
empty=${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:-}${MARIADB_ALLOW_EMPTY_PASSWORD:-}${MYSQL_ALLOW_EMPTY_PASSWORD:-}${ALLOW_EMPTY_PASSWORD:-}
user=${SDB_USER:-}
if [ -z "$user" ]; then
	user=$root
	if [ -z "$rootpass$empty${SDB_PASSWORD_ENV:-}${SDB_PASSWORD_FILE:-}" ] && [ -n "$own" ] && [ -n "$ownpass" ]; then user=$own; fi
fi
if named; then :
elif [ "$user" = "$root" ]; then v=$rootpass
elif [ "$user" = "$own" ]; then v=$ownpass
else v=
fi
forget
unset MYSQL_PWD MYSQL_HOST MYSQL_TCP_PORT
if [ -n "$v" ]; then
	export MYSQL_PWD="$v" HOME=/nonexistent # a client's own file would win over the variable
fi
export LC_ALL=C
host=
said=$("$client" --user="$user" --connect-timeout=15 -e 'DO 0' 2>&1 </dev/null) || case "$said" in
*'ERROR 2002 '*) host=127.0.0.1 ;;
*) say "$said" ;;
esac
sql() { "$client" --user="$user" ${host:+--host="$host"} --connect-timeout=15 --default-character-set=utf8mb4 --skip-reconnect --no-auto-rehash "$@"; }
`

// mySession runs the engine's own tools inside one container.
type mySession struct {
	c   Container
	opt Options
}

// run executes script behind the prelude. Arguments are "$1", "$2"…
func (s mySession) run(ctx context.Context, script string, stdin io.Reader, stdout io.Writer, args ...string) error {
	return runShell(ctx, s.c, s.opt, piped(stdin, stdout), myPrelude+script, args...)
}

// mySQLMode makes quoting mean the same on every server.
const mySQLMode = "SET SESSION sql_mode = '';\n"

// lines runs statements and hands over every line that they answer, cut at its tabs.
func (s mySession) lines(ctx context.Context, text string, each func(fields []string) error) error {
	out := &limitedBuffer{most: 256 << 20}
	if err := s.run(ctx, "sql --batch --skip-column-names", strings.NewReader(mySQLMode+text), out); err != nil {
		return err
	}
	scan := bufio.NewScanner(bytes.NewReader(out.Bytes()))
	scan.Buffer(nil, 64<<20)
	for scan.Scan() {
		if err := each(strings.Split(scan.Text(), "\t")); err != nil {
			return err
		}
	}
	return scan.Err()
}

// myServer is what the server says about itself.
type myServer struct {
	Version   string
	Maria     bool
	User      string // the account that we are, as user@host
	Databases []string
	Plain     map[string][]string // per database, the tables that know no transactions
}

const myServerQuery = `SELECT 'version', HEX(VERSION());
SELECT 'user', HEX(CURRENT_USER());
SELECT 'database', HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME;
SELECT 'plain', HEX(t.TABLE_SCHEMA), HEX(CONCAT(t.TABLE_NAME, ' (', t.ENGINE, ')')) FROM information_schema.TABLES t
 LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
 WHERE t.TABLE_TYPE <> 'VIEW' AND t.ENGINE IS NOT NULL AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'
 AND t.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 2, 3;
`

func (s mySession) server(ctx context.Context) (myServer, error) {
	server := myServer{Plain: map[string][]string{}}
	err := s.lines(ctx, myServerQuery, func(f []string) error {
		values, err := unhex(f[1:])
		if err != nil {
			return err
		}
		switch f[0] {
		case "version":
			before, _, maria := strings.Cut(values[0], "MariaDB")
			server.Maria = maria
			server.Version, _, _ = strings.Cut(before, "-")
			if maria {
				server.Version += "-MariaDB"
			}
		case "user":
			server.User = values[0]
		case "database":
			server.Databases = append(server.Databases, values[0])
		case "plain":
			server.Plain[values[0]] = append(server.Plain[values[0]], values[1])
		}
		return nil
	})
	if err != nil {
		return myServer{}, fmt.Errorf("ask the server for its databases (the labels user, password-env and password-file say who asks): %w", err)
	}
	return server, nil
}

// raise lifts limits of the server that new sessions begin with, and returns how they are put back. An account that
// may not do so goes on under the server's own.
func (s mySession) raise(ctx context.Context, limits map[string]int64) (putBack func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	var ask, set, back strings.Builder
	for name := range limits {
		fmt.Fprintf(&ask, "SELECT HEX('%s'), HEX(CONCAT(@@GLOBAL.%s));\n", name, name)
	}
	err = s.lines(ctx, ask.String(), func(f []string) error {
		values, err := unhex(f)
		if err != nil {
			return err
		}
		var now int64
		if _, err := fmt.Sscan(values[1], &now); err != nil {
			return fmt.Errorf("read %s: %w", values[0], err)
		}
		if most := limits[values[0]]; now < most {
			fmt.Fprintf(&set, "SET GLOBAL %s = %d;\n", values[0], most)
			fmt.Fprintf(&back, "SET GLOBAL %s = %d;\n", values[0], now)
		}
		return nil
	})
	if err != nil {
		return nothing, fmt.Errorf("ask the server for its limits: %w", err)
	}
	if set.Len() == 0 {
		return nothing, nil
	}
	if err := s.lines(ctx, set.String(), func([]string) error { return nil }); err != nil && strings.Contains(err.Error(), "denied") {
		return nothing, nil
	} else if err != nil {
		return nothing, fmt.Errorf("raise the server's limits: %w", err)
	}
	done := false
	return func(ctx context.Context) error {
		if done {
			return nil
		}
		done = true
		return s.lines(ctx, back.String(), func([]string) error { return nil })
	}, nil
}

func unhex(fields []string) ([]string, error) {
	out := make([]string, len(fields))
	for i, f := range fields {
		b, err := hex.DecodeString(f)
		if err != nil {
			return nil, fmt.Errorf("read answer of the server: %.80q: %w", f, err)
		}
		out[i] = string(b)
	}
	return out, nil
}

// quoteMyIdent and quoteMyText write names and values for a session under mySQLMode.
func quoteMyIdent(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func quoteMyText(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\x00", `\0`, "\n", `\n`).Replace(value) + "'"
}
