package strategy

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// mysql dumps MariaDB and MySQL with the container's own tools, so that client and server never differ in version.
// It cannot stage a restore: these engines cannot rename a database, so a dump replaces each one in place.
type mysql struct{}

func mysqlEntry() Entry {
	return Entry{
		Name:      "mysql",
		Aliases:   []string{"mariadb"},
		Extension: ".sql",
		Images: []string{
			"mysql", "mariadb", "mysql-server", "mysql-[0-9]*", "mariadb-[0-9]*", "mariadb-galera", "alpine-mariadb", "mariadb-alpine",
			"mysql/community-server", "mysql/enterprise-server", "percona", "percona-server", "percona-xtradb-cluster",
		},
		Available: true,
		Strategy:  mysql{},
		Prover:    newMySQLProver,
		Recipe:    mysqlRecipe,
	}
}

// One call dumps all databases from one snapshot. GTIDs would tie the dump to the server that it came from, and
// tablespaces need a right that a backup has no use for.
const myDumpScript = `own=
"$dump" --version | grep -qi mariadb || own=--set-gtid-purged=OFF
exec "$dump" --user="$user" ${host:+--host="$host"} $own --default-character-set=utf8mb4 --max-allowed-packet=1G \
	--single-transaction --quick --routines --events --triggers --hex-blob --no-tablespaces --add-drop-database \
	--comments --dump-date --databases -- "$@"`

// patience is how many seconds a server waits for a reader or writer of ours that stalls; by itself it cuts the
// connection after 30 or 60. mysqldump asks for as much in its own session, mariadb-dump cannot.
const patience = 86400

// Dump writes accounts (when all databases are wanted), databases and grants as one SQL text.
func (mysql) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (_ Report, err error) {
	session := mySession{c, opt}
	server, err := session.server(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{EngineVersion: server.Version}
	names, warnings, err := server.choose(opt.Databases)
	if err != nil {
		return report, err
	}
	report.Warnings = warnings
	var accounts myAccounts
	if opt.Databases == nil {
		if accounts, err = session.accounts(ctx, server); err != nil {
			return report, err
		}
		report.Warnings = append(report.Warnings, accounts.warnings...)
	}
	mark := strings.ToLower(rand.Text())
	quoted, err := json.Marshal(names)
	if err != nil {
		return report, fmt.Errorf("write names of databases: %w", err)
	}
	text := myHeaderLine(server.Maria, mark) + "\n-- By hand, as an account that may do everything: mysql --binary-mode --comments --max-allowed-packet=1G < this-file\n"
	if accounts.read {
		text += "-- mark " + mark + ": " + myAccountsPart + "\n" + accounts.create
	}
	if _, err := fmt.Fprintf(w, "%s-- mark %s: %s%s\n", text, mark, myDatabases, quoted); err != nil {
		return report, err
	}
	if err := session.dump(ctx, server, names, w); err != nil {
		return report, fmt.Errorf("dump databases: %w", err)
	}
	text = ""
	if accounts.read {
		text = "-- mark " + mark + ": " + myGrantsPart + "\n" + accounts.grants
	}
	_, err = fmt.Fprintf(w, "%s-- mark %s: %s\n", text, mark, completeMark(len(names)))
	return report, err
}

func (s mySession) dump(ctx context.Context, server myServer, names []string, w io.Writer) error {
	putBack := func(context.Context) error { return nil }
	var err error
	if server.Maria {
		if putBack, err = s.raise(ctx, map[string]int64{"net_write_timeout": patience}); err != nil {
			return err
		}
	}
	// The dump's session has taken its limit over once it says something; nobody else has to live with ours.
	err = s.run(ctx, myDumpScript, nil, &firstWrite{w: w, then: func() error { return putBack(ctx) }}, names...)
	after, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), time.Minute, errors.New("putting a limit of the server back took too long"))
	defer cancel()
	return errors.Join(err, putBack(after))
}

// firstWrite does something before the first bytes pass.
type firstWrite struct {
	w    io.Writer
	then func() error
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if f.then != nil {
		then := f.then
		f.then = nil
		if err := then(); err != nil {
			return 0, err
		}
	}
	return f.w.Write(p)
}

// choose says which databases to dump. One that nobody named is never left out silently.
func (s myServer) choose(wanted []string) (names, warnings []string, err error) {
	for _, name := range s.Databases {
		switch name {
		case "mysql", "information_schema", "performance_schema", "sys", "ndbinfo", "#mysql50#lost+found":
			continue
		}
		if strings.HasPrefix(name, "#mysql50#") {
			warnings = append(warnings, fmt.Sprintf("the folder %q in the data directory is no database and is not in the backup", strings.TrimPrefix(name, "#mysql50#")))
			continue
		}
		names = append(names, name)
	}
	if wanted != nil {
		names = nil
		for _, name := range wanted {
			if !slices.Contains(s.Databases, name) {
				return nil, nil, fmt.Errorf("dump database %q: there is no such database, or the account cannot see it; check the labels `databases` and `user`", name)
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		warnings = nil
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("dump databases: %q can see none; set the label `user`", s.User)
	}
	return names, append(warnings, s.plainWarnings(names)...), nil
}

func (s myServer) plainWarnings(names []string) []string {
	var tables []string
	for _, name := range names {
		for _, table := range s.Plain[name] {
			tables = append(tables, name+"."+table)
		}
	}
	if len(tables) == 0 {
		return nil
	}
	more := ""
	if n := len(tables); n > 20 {
		tables, more = tables[:20], fmt.Sprintf(" and %d more", n-20)
	}
	return []string{"tables without transactions are as they were when each was read, not at one moment with the others: " + strings.Join(tables, ", ") + more}
}

// mysqlRecipe restores the raw form by hand.
func mysqlRecipe(opt Options) string {
	script := `f=${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE:-}}
p=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}
if [ -z "$p" ] && [ -n "$f" ]; then p=$(cat "$f"); fi
user=root`
	if opt.User != "" {
		script += "\nuser=" + quoteShell(opt.User)
	}
	if opt.PasswordEnv != "" {
		script += "\np=${" + opt.PasswordEnv + ":-}"
	}
	if opt.PasswordFile != "" {
		script += "\np=$(cat " + quoteShell(opt.PasswordFile) + ")"
	}
	script += `
if [ -n "$p" ]; then export MYSQL_PWD="$p"; fi
exec "$(command -v mariadb || command -v mysql)" --user="$user" --default-character-set=utf8mb4 --binary-mode --comments --max-allowed-packet=1G`
	return `docker exec -i "$CONTAINER" sh -c ` + quoteShell(script)
}

// Version is the server's, as it says itself.
func (mysql) Version(ctx context.Context, c Container, opt Options) (string, error) {
	server, err := mySession{c, opt}.server(ctx)
	return server.Version, err
}

// Find asks the server which of the named databases it has.
func (mysql) Find(ctx context.Context, c Container, opt Options) ([]string, error) {
	server, err := mySession{c, opt}.server(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(opt.Databases), func(name string) bool {
		return !slices.Contains(server.Databases, name)
	}), nil
}
