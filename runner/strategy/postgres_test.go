package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

const weird = `dbname='we"ird na\'me'`

// database is one PostgreSQL server.
type database struct {
	*enginetest.Container
	strategytest.Source
}

func startPostgres(t testing.TB, version string, opt enginetest.RunOptions) database {
	t.Helper()
	c := enginetest.StartPostgres(t, version, opt)
	d := database{Container: c}
	d.Source = strategytest.Source{
		Entry: strategytest.Entry(t, "postgres"), Container: port.New(t, c), Secrets: []string{"app-secret"},
		State: d.state, Damage: d.damage, Leftovers: d.leftovers, Hand: byHand(c),
		Restart: func(t testing.TB) {
			enginetest.Docker(t, "restart", c.Name)
			enginetest.WaitPostgres(t, c)
		},
	}
	return d
}

func startShop(t testing.TB, version string) database {
	t.Helper()
	d := startPostgres(t, version, enginetest.RunOptions{})
	d.psql(t, "postgres", testdata(t, "shop.sql"))
	return d
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func postgresRows() []row {
	var rows []row
	for _, version := range enginetest.PostgresVersions() {
		rows = append(rows, row{"postgres " + version, func(t testing.TB) strategytest.Source {
			d := startShop(t, version)
			t.Cleanup(func() {
				if strings.Contains(d.Logs(t), "was terminated by signal") {
					t.Error("a command that was ended took the server down with it")
				}
			})
			d.Fresh = func(t testing.TB) strategytest.Source {
				return startPostgres(t, version, enginetest.RunOptions{}).Source
			}
			d.Writer = d.writer()
			return d.Source
		}})
	}
	return rows
}

func (d database) psql(t testing.TB, db, sql string) string {
	t.Helper()
	return d.ExecInput(t, strings.NewReader(sql), "psql", "-XqAt", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", db, "-f", "-")
}

// state is every row, by its hash, and every definition of every database, and what belongs to the server as a whole.
func (d database) state(t testing.TB) string {
	t.Helper()
	return d.Exec(t, "sh", "-ec", `run() { psql -XqAt -U postgres -v ON_ERROR_STOP=1 "$@"; }
printf %s "$2" | run -d template1
run -d template1 -c "SELECT datname FROM pg_database WHERE datallowconn AND datname NOT LIKE 'template%' ORDER BY 1" | while read -r db; do
	printf %s "$1" | run -d "$db"
	pg_dump -U postgres --schema-only --create -d "$db" | grep -v -e '^.restrict ' -e '^.unrestrict '
done`, "sh", testdata(t, "sum.sql"), testdata(t, "cluster.sql"))
}

// damage is what a later migration and a bad day do.
func (d database) damage(t testing.TB) {
	t.Helper()
	d.psql(t, "shop", `CREATE TABLE later (c int REFERENCES customers); INSERT INTO later VALUES (1);
		DELETE FROM private.orders; UPDATE customers SET name = 'lost' WHERE id > 10; UPDATE kinds SET bin = NULL; SELECT nextval('private.tickets');
		DROP VIEW happy; DROP EXTENSION citext CASCADE; SELECT lo_unlink(4711); ALTER TABLE private.orders OWNER TO postgres;
		ALTER ROLE app NOLOGIN PASSWORD 'other'; REVOKE reader FROM app; ALTER DATABASE shop CONNECTION LIMIT 3;`)
	d.psql(t, "postgres", `DROP TABLE kept_in_postgres; DROP DATABASE "we""ird na'me"`)
}

func (d database) leftovers(t testing.TB) string {
	t.Helper()
	return d.psql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'simpledeploy%'
		UNION SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') LIKE 'made by%'`)
}

func (d database) noLeftovers(t testing.TB) {
	t.Helper()
	if got := d.leftovers(t); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

const bank = `CREATE DATABASE bank; \connect bank
CREATE TABLE a AS SELECT 1000000 AS v;
CREATE TABLE weight AS SELECT i, repeat('weight', 20000) AS t FROM generate_series(1, 200) i; ALTER TABLE weight ALTER t SET STORAGE EXTERNAL; UPDATE weight SET t = t || '.';
CREATE TABLE z AS SELECT 0 AS v;
CREATE TABLE going AS SELECT true AS yes;
CREATE PROCEDURE move() LANGUAGE plpgsql AS 'BEGIN WHILE (SELECT yes FROM going) LOOP UPDATE a SET v = v - 1; UPDATE z SET v = v + 1; COMMIT; END LOOP; END';
`

// writer moves money from the first table that is dumped to the last.
func (d database) writer() *strategytest.Writer {
	const busy = "SELECT count(*) FROM pg_stat_activity WHERE query = 'CALL move()'"
	return &strategytest.Writer{
		Start: func(t testing.TB) {
			d.psql(t, "postgres", bank)
			// Never as an orphan in the container: the server would adopt the client and take its end for a crash of its own.
			background(t, d.Container, "psql", "-U", "postgres", "-d", "bank", "-c", "CALL move()")
		},
		Stop: func(t testing.TB) {
			d.psql(t, "bank", "UPDATE going SET yes = false")
			strategytest.Until(t, "the writer ends", func() bool { return d.psql(t, "template1", busy) == "0" })
		},
		Done: func(t testing.TB) string { return d.psql(t, "bank", "SELECT v FROM z") },
		Sum:  func(t testing.TB) string { return d.psql(t, "bank", "SELECT a.v + z.v FROM a, z") },
	}
}

func (d database) restoreOf(t testing.TB, ctx context.Context, r io.Reader) error {
	t.Helper()
	_, err := d.Entry.Strategy.Restore(ctx, d.Source.Container, strategy.Options{Token: "r1"}, r)
	return err
}

// TestPostgres_OneServer holds what leaves a server as it was, one after the other on the same one.
func TestPostgres_OneServer(t *testing.T) {
	t.Parallel()
	d := startShop(t, "17")
	dump, proof := d.Dump(t)
	if got := proof.Detail["shop.public.customers"]; got != 2005 {
		t.Errorf("proof counts %d customers of 2005: %v", got, proof.Detail)
	}
	t.Run("named databases only", func(t *testing.T) { d.namedOnly(t) })
	d.Restore(t, dump)
	want := d.state(t)
	steps := []struct {
		name string
		do   func(t *testing.T)
	}{
		{"a broken stream leaves the old state", func(t *testing.T) { d.brokenStreams(t, dump) }},
		{"recover after a crash", func(t *testing.T) { d.recovered(t) }},
		{"restore called off half way", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := d.restoreOf(t, ctx, strategytest.Halfway(dump, len(dump)/2, cancel)); err == nil {
				t.Error("the restore says it is done")
			}
		}},
		{"recover ends a restore that still runs", func(t *testing.T) {
			stream := strategytest.Halfway(dump, len(dump)*3/4, func() {
				if err := d.Entry.Strategy.(strategy.Recoverer).Recover(t.Context(), d.Source.Container, strategy.Options{Token: "r1"}); err != nil {
					t.Error(err)
				}
				d.noLeftovers(t)
			})
			if err := d.restoreOf(t, t.Context(), stream); err == nil {
				t.Error("the restore says it is done")
			}
		}},
		{"restore while clients keep coming", func(t *testing.T) {
			background(t, d.Container, "psql", "-U", "postgres", "-d", "shop", "-c", "SELECT pg_sleep(600)")
			for range 4 {
				background(t, d.Container, "sh", "-c", "until [ -e /tmp/enough ]; do psql -U postgres -d shop -Atc 'SELECT 1'; done")
			}
			d.Restore(t, dump)
			d.Exec(t, "touch", "/tmp/enough")
		}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.do(t)
			if diff := cmp.Diff(want, d.state(t)); diff != "" {
				t.Errorf("the state changed:\n%s", diff)
			}
			d.noLeftovers(t)
		})
	}
}

func (d database) namedOnly(t *testing.T) {
	one := d.Source
	one.Options.Databases = []string{`we"ird na'me`}
	dump, _ := one.Dump(t)
	if bytes.Contains(dump, []byte("CREATE ROLE")) || bytes.Contains(dump, []byte("customers")) {
		t.Error("the dump holds more than the named database")
	}
	d.psql(t, "shop", "DELETE FROM private.orders")
	changed := d.psql(t, "shop", "SELECT count(*) FROM private.orders")
	d.psql(t, weird, "TRUNCATE t")
	one.Restore(t, dump)
	if got := d.psql(t, weird, "SELECT count(*) FROM t"); got != "2" {
		t.Errorf("%s rows of 2 are back", got)
	}
	if got := d.psql(t, "shop", "SELECT count(*) FROM private.orders"); got != changed {
		t.Error("a database that was not in the dump has changed")
	}
	_, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{Databases: []string{"none"}}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a database that is not there: %v", err)
	}
}

func (d database) brokenStreams(t *testing.T, dump []byte) {
	refused := errors.New("the stored hash does not agree")
	replaced := func(from, to string) io.Reader {
		return bytes.NewReader(bytes.Replace(dump, []byte(from), []byte(to), 1))
	}
	for name, stream := range map[string]io.Reader{
		"cut short":           bytes.NewReader(dump[:len(dump)*2/3]),
		"without its end":     bytes.NewReader(dump[:len(dump)-1]),
		"refused at its end":  strategytest.Refused(dump, refused),
		"with a broken row":   replaced("customer 1000\t", "customer 1000"),
		"of another database": replaced("ALTER DATABASE shop OWNER", "ALTER DATABASE postgres OWNER"),
		"of another program":  strings.NewReader("DROP DATABASE shop;\n"),
		"empty":               strings.NewReader(""),
	} {
		err := d.restoreOf(t, t.Context(), stream)
		if err == nil {
			t.Errorf("%s: the restore says it is done", name)
		}
		if name == "refused at its end" && !errors.Is(err, refused) {
			t.Errorf("the cause is lost: %v", err)
		}
		d.noLeftovers(t)
	}
}

func (d database) recovered(t *testing.T) {
	d.psql(t, "template1", `CREATE ROLE stray; COMMENT ON ROLE stray IS 'made by the restore r1';
		CREATE DATABASE "simpledeploy-new-r1-0"; ALTER DATABASE "simpledeploy-new-r1-0" IS_TEMPLATE true;
		CREATE DATABASE "simpledeploy-old-r1-0"; CREATE DATABASE "simpledeploy-new-r2-0"`)
	for range 2 { // the second time there is nothing to do
		if err := d.Entry.Strategy.(strategy.Recoverer).Recover(t.Context(), d.Source.Container, strategy.Options{Token: "r1"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.leftovers(t); got != "simpledeploy-new-r2-0" {
		t.Errorf("left: %q; only the other restore's database should be", got)
	}
	d.psql(t, "template1", `DROP DATABASE "simpledeploy-new-r2-0"`)
}

func TestPostgres_MissingToolsAndContainerKilledMidDump(t *testing.T) {
	t.Parallel()
	d := startShop(t, "15")
	d.psql(t, "shop", "INSERT INTO customers (name) SELECT repeat('x', 500) FROM generate_series(1, 100000)")
	d.Exec(t, "sh", "-c", "for f in $(command -v pg_dump) /usr/lib/postgresql/*/bin/pg_dump; do [ ! -e $f ] || mv $f $f.gone; done")
	_, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "pg_dump is not in this image") {
		t.Errorf("got %v", err)
	}
	d.Exec(t, "sh", "-c", `for f in /usr/bin /usr/local/bin /usr/lib/postgresql/*/bin; do [ ! -e "$f/pg_dump.gone" ] || mv "$f/pg_dump.gone" "$f/pg_dump"; done`)
	kill := strategytest.After(20_000, func() { enginetest.Docker(t, "kill", d.Name) })
	if _, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, kill); err == nil {
		t.Fatal("a dump of a killed server counts as done")
	}
}
