package strategy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// pgPrelude finds the account, by the official image's names and bitnami's.
//
// The shell outlives its children when it is told to end: an orphan is adopted by the container's first process, which
// is the server itself, and that takes a child killed by a signal for a crashed backend and restarts them all.
const pgPrelude = `set -eu
trap 'exit 143' TERM
for tool in psql pg_dump pg_dumpall; do
	command -v $tool >/dev/null 2>&1 || say "$tool is not in this image: choose an image with PostgreSQL's client tools, or another strategy"
done
any POSTGRESQL_USERNAME POSTGRES_USERNAME POSTGRES_USER POSTGRESQL_USER; own=${v:-postgres}
any POSTGRESQL_PASSWORD POSTGRES_PASSWORD; pass=${v:-${PGPASSWORD:-}}
any POSTGRESQL_POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD
[ -z "$v" ] || [ "$own" = postgres ] || { own=postgres; pass=$v; }
PGUSER=${SDB_USER:-$own}
if named; then :
elif [ "$PGUSER" = "$own" ]; then v=$pass; else v=; fi
unset PGDATABASE PGSERVICE PGOPTIONS PGHOSTADDR PGPASSWORD
forget
[ -z "$v" ] || export PGPASSWORD="$v"
[ -n "${PGPORT:-}" ] || PGPORT=${POSTGRESQL_PORT_NUMBER:-${POSTGRES_PORT_NUMBER:-5432}}
export PGUSER PGPORT PGCONNECT_TIMEOUT=15 LC_ALL=C
export PGOPTIONS='-c default_transaction_read_only=off' # a database may be set to the contrary
if [ -z "${PGHOST:-}" ] && ! pg_isready -q && pg_isready -q -h 127.0.0.1; then export PGHOST=127.0.0.1; fi
`

// pgSession runs PostgreSQL's own tools inside one container.
type pgSession struct {
	c   Container
	opt Options
	app string // application_name: tells our own sessions from others
}

func newPgSession(c Container, opt Options, app string) pgSession { return pgSession{c, opt, app} }

// run executes script behind the prelude. Arguments are "$1", "$2"…
func (s pgSession) run(ctx context.Context, script string, stdin io.Reader, stdout io.Writer, args ...string) error {
	cmd := piped(stdin, stdout)
	cmd.Env = []string{"PGAPPNAME=" + s.app}
	return runShell(ctx, s.c, s.opt, cmd, pgPrelude+script, args...)
}

const pgSQL = `exec psql --no-psqlrc --no-password --quiet --tuples-only --no-align -v ON_ERROR_STOP=1 --file=- --dbname=template1`

// sql runs statements in template1, which no restore replaces.
func (s pgSession) sql(ctx context.Context, text string, stdout io.Writer) error {
	return s.run(ctx, pgSQL, strings.NewReader("SET client_encoding = 'UTF8';\n"+text), stdout)
}

// query runs one statement that answers with one JSON value.
func (s pgSession) query(ctx context.Context, text string, into any) error {
	out := &limitedBuffer{most: 16 << 20}
	if err := s.sql(ctx, text, out); err != nil {
		return err
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("read answer of the server: %w", err)
	}
	return nil
}

// pgServer is what the server says about itself.
type pgServer struct {
	Version     string
	User        string
	Super       bool
	Tablespaces []string
	Databases   []pgDatabase
}

type pgDatabase struct {
	Name    string
	Allow   bool // takes connections
	Connect bool // ours too
}

const pgServerQuery = `SELECT json_build_object(
 'Version', split_part(current_setting('server_version'), ' ', 1),
 'User', current_user,
 'Super', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
 'Tablespaces', (SELECT coalesce(json_agg(spcname), '[]') FROM pg_catalog.pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')),
 'Databases', (SELECT coalesce(json_agg(json_build_object('Name', datname, 'Allow', datallowconn,
   'Connect', has_database_privilege(oid, 'CONNECT')) ORDER BY datname), '[]')
   FROM pg_catalog.pg_database WHERE datname NOT IN ('template0', 'template1')));
`

func (s pgSession) server(ctx context.Context) (pgServer, error) {
	var server pgServer
	if err := s.query(ctx, pgServerQuery, &server); err != nil {
		return pgServer{}, fmt.Errorf("ask postgres for its databases: %w", err)
	}
	return server, nil
}

// limitedBuffer keeps an answer that is meant to be small, and refuses more.
type limitedBuffer struct {
	bytes.Buffer
	most int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errors.New("the answer is larger than expected")
	}
	return b.Buffer.Write(p)
}
