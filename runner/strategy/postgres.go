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
)

// postgres dumps with the container's own pg_dump, so that client and server never differ in version, and restores
// every database beside the one it replaces.
type postgres struct{}

const pgDumpScript = `
if [ "$(psql --no-psqlrc --no-password -Atc "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'timescaledb'" --dbname="$1")" = 1 ]; then
	say "the database uses timescaledb, which a plain dump does not restore: use the exec strategy or a volume job with quiesce"
fi
exec pg_dump --format=plain --clean --if-exists --create --no-tablespaces --no-password --dbname="$1"`

// Dump writes roles (when all databases are wanted) and databases one after another as one SQL text.
func (postgres) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	session := newPgSession(c, opt, "simpledeploy-backup")
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
	mark := "-- mark " + strings.ToLower(rand.Text())
	if _, err := fmt.Fprintf(w, "%s%s\n-- By hand, with all clients stopped: psql -X -v ON_ERROR_STOP=1 -d template1 < this-file\n", pgHeader, mark[len("-- mark "):]); err != nil {
		return report, err
	}
	if opt.Databases == nil {
		if err := session.dumpRoles(ctx, w, mark, server, &report); err != nil {
			return report, err
		}
	}
	for _, name := range names {
		quoted, err := json.Marshal(name)
		if err != nil {
			return report, fmt.Errorf("write name of database %q: %w", name, err)
		}
		if _, err := fmt.Fprintf(w, "%s: %s%s\n", mark, pgDatabasePart, quoted); err != nil {
			return report, err
		}
		if err := session.run(ctx, pgDumpScript, nil, w, "dbname="+quoteConn(name)); err != nil {
			return report, fmt.Errorf("dump database %q: %w", name, err)
		}
	}
	_, err = fmt.Fprintf(w, "%s: %s\n", mark, completeMark(len(names)))
	return report, err
}

func (s pgSession) dumpRoles(ctx context.Context, w io.Writer, mark string, server pgServer, report *Report) error {
	// pg_dumpall has a child of its own for an instant; it is short, so it may end by itself.
	script := "trap '' TERM; exec pg_dumpall --globals-only --no-tablespaces --no-password --database=template1"
	if !server.Super {
		script += " --no-role-passwords"
		report.Warnings = append(report.Warnings, fmt.Sprintf("the roles' passwords are not in the backup, and a restore of it needs another account: %q is no superuser; set the label `user` to one, or `databases` to its own", server.User))
	}
	if len(server.Tablespaces) > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("tablespaces are not kept (%s): a restore puts everything into the default one", strings.Join(server.Tablespaces, ", ")))
	}
	roles := &limitedBuffer{most: 64 << 20}
	if err := s.run(ctx, script, nil, roles); err != nil {
		return fmt.Errorf("dump roles: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s: %s\n", mark, pgRolesPart); err != nil {
		return err
	}
	scan := &sqlScanner{h: roleGuard{w}}
	if err := scan.write(roles.Bytes()); err != nil {
		return err
	}
	if !scan.idle() {
		return errors.New("dump roles: pg_dumpall's text ends within a statement")
	}
	return nil
}

// choose says which databases to dump. One that nobody named is never left out silently.
func (s pgServer) choose(wanted []string) (names, warnings []string, err error) {
	have := map[string]bool{}
	for _, db := range s.Databases {
		have[db.Name] = true
		switch {
		case wanted != nil:
		case isStaging(db.Name):
			warnings = append(warnings, fmt.Sprintf("database %q was left by a restore and is not in the backup", db.Name))
		case !db.Allow:
			warnings = append(warnings, fmt.Sprintf("database %q takes no connections and is not in the backup", db.Name))
		case !db.Connect:
			warnings = append(warnings, fmt.Sprintf("database %q is not in the backup: %q may not connect to it", db.Name, s.User))
		default:
			names = append(names, db.Name)
		}
	}
	for _, name := range wanted {
		if !have[name] {
			return nil, nil, fmt.Errorf("dump database %q: there is no such database; check the label `databases`", name)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("dump databases: %q can see none; set the label `user`", s.User)
	}
	return names, warnings, nil
}

// pgRecipe restores the raw form by hand. Clients must be away: DROP DATABASE refuses while one is connected.
func pgRecipe(opt Options) string {
	script := `p=${POSTGRESQL_PASSWORD:-${POSTGRES_PASSWORD:-}} f=${POSTGRESQL_PASSWORD_FILE:-${POSTGRES_PASSWORD_FILE:-}}
user=${POSTGRESQL_USERNAME:-${POSTGRES_USER:-postgres}}
if [ "$user" != postgres ] && [ -n "${POSTGRESQL_POSTGRES_PASSWORD:-}${POSTGRESQL_POSTGRES_PASSWORD_FILE:-}" ]; then
  user=postgres p=${POSTGRESQL_POSTGRES_PASSWORD:-} f=${POSTGRESQL_POSTGRES_PASSWORD_FILE:-}
fi
if [ -z "$p" ] && [ -n "$f" ]; then p=$(cat "$f"); fi`
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
PGPASSWORD="$p" PGOPTIONS="-c default_transaction_read_only=off" exec psql -X -q -v ON_ERROR_STOP=1 -U "$user" -d template1 -f -`
	return `docker exec -i "$CONTAINER" sh -c ` + quoteShell(script) + " >/dev/null"
}

func quoteShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Version is the server's, as it says itself.
func (postgres) Version(ctx context.Context, c Container, opt Options) (string, error) {
	server, err := newPgSession(c, opt, "simpledeploy-backup").server(ctx)
	return server.Version, err
}

// Find asks the server which of the named databases it has.
func (postgres) Find(ctx context.Context, c Container, opt Options) ([]string, error) {
	server, err := newPgSession(c, opt, "simpledeploy-backup").server(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(opt.Databases), func(name string) bool {
		return !slices.ContainsFunc(server.Databases, func(db pgDatabase) bool { return db.Name == name })
	}), nil
}
