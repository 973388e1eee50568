package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func postgresEntry(t testing.TB) strategy.Entry {
	for _, entry := range strategy.Builtin() {
		if entry.Name == "postgres" {
			return entry
		}
	}
	t.Fatal("postgres is not in the registry")
	return strategy.Entry{}
}

// database is one server with the shop in it.
type database struct {
	*enginetest.Container
	port strategy.Container
}

func (d database) psql(t testing.TB, db, sql string) string {
	t.Helper()
	return d.ExecInput(t, strings.NewReader(sql), "psql", "-XqAt", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", db, "-f", "-")
}

func (d database) sum(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/sum.sql")
	if err != nil {
		t.Fatal(err)
	}
	return d.psql(t, "shop", string(text)) + d.psql(t, `dbname='we"ird na\'me'`, "SELECT string_agg(v, ',' ORDER BY v), current_setting('statement_timeout') FROM t")
}

func startPostgres(t testing.TB, version string, env ...string) database {
	t.Helper()
	c := enginetest.StartPostgres(t, version, enginetest.RunOptions{Env: env})
	return database{c, port.New(t, c)}
}

func startShop(t testing.TB, version string) database {
	t.Helper()
	d := startPostgres(t, version)
	text, err := os.ReadFile("testdata/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	d.psql(t, "postgres", string(text))
	return d
}

func (d database) dump(t testing.TB, opt strategy.Options) []byte {
	t.Helper()
	var dump bytes.Buffer
	report, err := postgresEntry(t).Strategy.Dump(t.Context(), d.port, opt, &dump)
	if err != nil {
		t.Fatal(err)
	}
	if report.EngineVersion == "" || len(report.Warnings) > 0 {
		t.Errorf("report %+v", report)
	}
	return dump.Bytes()
}

func prove(t testing.TB, dump []byte) (strategy.Proof, error) {
	t.Helper()
	prover := postgresEntry(t).Prover()
	if _, err := prover.Write(dump); err != nil {
		t.Fatal(err)
	}
	return prover.Proof()
}

func TestPostgres_RestoresAllThatWasThere(t *testing.T) {
	for _, version := range enginetest.PostgresVersions() {
		t.Run(version, func(t *testing.T) {
			d := startShop(t, version)
			want := d.sum(t)
			dump := d.dump(t, strategy.Options{})
			proof, err := prove(t, dump)
			if err != nil {
				t.Fatal(err)
			}
			if got := proof.Detail["shop.public.customers"]; got != 2005 {
				t.Errorf("proof counts %d customers of 2005: %v", got, proof.Detail)
			}
			damage(t, d)
			report, err := postgresEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(dump))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, d.sum(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
			if report.Restored == nil {
				t.Fatal("nothing was counted")
			}
			if diff := cmp.Diff(proof, *report.Restored); diff != "" {
				t.Errorf("counted differs from the proof:\n%s", diff)
			}
			d.noLeftovers(t)
		})
	}
}

// damage is what a later migration and a bad day do, an open connection included.
func damage(t testing.TB, d database) {
	t.Helper()
	d.psql(t, "shop", `CREATE TABLE later (c int REFERENCES customers); INSERT INTO later VALUES (1);
		DELETE FROM private.orders; UPDATE customers SET name = 'lost' WHERE id > 10;
		DROP VIEW happy; ALTER ROLE app NOLOGIN; REVOKE reader FROM app;`)
	d.psql(t, "postgres", `DROP TABLE kept_in_postgres; DROP DATABASE "we""ird na'me"`)
	// Never as an orphan in the container: the server would adopt the client and take its end for a crash of its own.
	enginetest.Docker(t, "exec", "--detach", d.Name, "psql", "-U", "postgres", "-d", "shop", "-c", "SELECT pg_sleep(600)")
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

func TestPostgres_KeepsTheContract(t *testing.T) {
	d := startShop(t, "15")
	defer func() {
		if strings.Contains(d.Logs(t), "was terminated by signal") {
			t.Error("a command that was ended took the server down with it")
		}
	}()
	strategytest.Run(t, strategytest.Source{
		Entry:     postgresEntry(t),
		Container: d.port,
		State:     d.sum,
		Damage:    func(t testing.TB) { d.psql(t, "shop", "DELETE FROM private.orders; ALTER ROLE app NOLOGIN") },
		Leftovers: d.leftovers,
	})
}

func TestPostgres_RestoresIntoAnEmptyServer(t *testing.T) {
	d := startShop(t, "17")
	want, dump := d.sum(t), d.dump(t, strategy.Options{})
	empty := startPostgres(t, "17")
	if _, err := postgresEntry(t).Strategy.Restore(t.Context(), empty.port, strategy.Options{Token: "r1"}, bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, empty.sum(t)); diff != "" {
		t.Errorf("restored state differs (-was +is):\n%s", diff)
	}
	empty.noLeftovers(t)
}

func TestPostgres_RecipeByHandGivesTheSameRows(t *testing.T) {
	for _, version := range enginetest.PostgresVersions() {
		t.Run(version, func(t *testing.T) {
			d := startShop(t, version)
			want, dump := d.sum(t), d.dump(t, strategy.Options{})
			d.psql(t, "shop", "CREATE TABLE later (c int REFERENCES customers); DROP VIEW happy")
			enginetest.Shell(t, postgresEntry(t).Recipe(strategy.Options{}), bytes.NewReader(dump), "CONTAINER="+d.Name)
			if diff := cmp.Diff(want, d.sum(t)); diff != "" {
				t.Errorf("restored state differs (-was +is):\n%s", diff)
			}
		})
	}
}

func TestPostgres_NamedDatabasesOnly(t *testing.T) {
	d := startShop(t, "17")
	dump := d.dump(t, strategy.Options{Databases: []string{`we"ird na'me`}})
	if bytes.Contains(dump, []byte("CREATE ROLE")) || bytes.Contains(dump, []byte("customers")) {
		t.Error("the dump holds more than the named database")
	}
	d.psql(t, "shop", "DELETE FROM private.orders")
	changed := d.psql(t, "shop", "SELECT count(*) FROM private.orders")
	d.psql(t, `dbname='we"ird na\'me'`, "TRUNCATE t")
	if _, err := postgresEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	if got := d.psql(t, `dbname='we"ird na\'me'`, "SELECT count(*) FROM t"); got != "2" {
		t.Errorf("%s rows of 2 are back", got)
	}
	if got := d.psql(t, "shop", "SELECT count(*) FROM private.orders"); got != changed {
		t.Error("a database that was not in the dump has changed")
	}
	_, err := postgresEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{Databases: []string{"none"}}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a database that is not there: %v", err)
	}
}

func TestPostgres_BrokenStreamLeavesTheOldState(t *testing.T) {
	d := startShop(t, "17")
	dump := d.dump(t, strategy.Options{})
	d.psql(t, "shop", "ALTER ROLE app NOLOGIN")
	want := d.sum(t)
	refused := errors.New("the stored hash does not agree")
	streams := map[string]io.Reader{
		"cut short":           bytes.NewReader(dump[:len(dump)*2/3]),
		"without its end":     bytes.NewReader(dump[:len(dump)-1]),
		"refused at its end":  io.MultiReader(bytes.NewReader(dump), failing{refused}),
		"with a broken row":   bytes.NewReader(bytes.Replace(dump, []byte("customer 1000\t"), []byte("customer 1000"), 1)),
		"of another database": bytes.NewReader(bytes.Replace(dump, []byte("ALTER DATABASE shop OWNER"), []byte("ALTER DATABASE postgres OWNER"), 1)),
		"of another program":  strings.NewReader("DROP DATABASE shop;\n"),
		"empty":               strings.NewReader(""),
	}
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			_, err := postgresEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, stream)
			if err == nil {
				t.Fatal("the restore says it is done")
			}
			if name == "refused at its end" && !errors.Is(err, refused) {
				t.Errorf("the cause is lost: %v", err)
			}
			if diff := cmp.Diff(want, d.sum(t)); diff != "" {
				t.Errorf("the old state changed:\n%s", diff)
			}
			d.noLeftovers(t)
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestPostgres_RecoverAfterACrash(t *testing.T) {
	d := startShop(t, "17")
	want := d.sum(t)
	d.psql(t, "template1", `CREATE ROLE stray; COMMENT ON ROLE stray IS 'made by the restore r1';
		CREATE DATABASE "simpledeploy-new-r1-0"; ALTER DATABASE "simpledeploy-new-r1-0" IS_TEMPLATE true;
		CREATE DATABASE "simpledeploy-old-r1-0"; CREATE DATABASE "simpledeploy-new-r2-0"`)
	recoverer := postgresEntry(t).Strategy.(strategy.Recoverer)
	for range 2 { // the second time there is nothing to do
		if err := recoverer.Recover(t.Context(), d.port, strategy.Options{Token: "r1"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.psql(t, "template1", "SELECT datname FROM pg_database WHERE datname LIKE 'simpledeploy%'"); got != "simpledeploy-new-r2-0" {
		t.Errorf("left: %q; only the other restore's database should be", got)
	}
	d.psql(t, "template1", `DROP DATABASE "simpledeploy-new-r2-0"`)
	if diff := cmp.Diff(want, d.sum(t)); diff != "" {
		t.Errorf("the state changed:\n%s", diff)
	}
}

// halfway is a reader that calls stop once, when only the rest is left.
type halfway struct {
	r    io.Reader
	left int
	stop func()
}

func (h *halfway) Read(p []byte) (int, error) {
	if h.left <= 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
	n, err := h.r.Read(p[:min(len(p), 4096)])
	h.left -= n
	return n, err
}

func TestPostgres_RestoreCancelledHalfWay(t *testing.T) {
	d := startShop(t, "15")
	dump, want := d.dump(t, strategy.Options{}), d.sum(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := &halfway{r: bytes.NewReader(dump), left: len(dump) / 2, stop: cancel}
	if _, err := postgresEntry(t).Strategy.Restore(ctx, d.port, strategy.Options{Token: "r1"}, stream); err == nil {
		t.Fatal("the restore says it is done")
	}
	if diff := cmp.Diff(want, d.sum(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
	d.noLeftovers(t)
}

func TestPostgres_RecoverEndsARestoreThatStillRuns(t *testing.T) {
	d := startShop(t, "17")
	dump, want := d.dump(t, strategy.Options{}), d.sum(t)
	opt := strategy.Options{Token: "r1"}
	stream := &halfway{r: bytes.NewReader(dump), left: len(dump) * 3 / 4, stop: func() {
		if err := postgresEntry(t).Strategy.(strategy.Recoverer).Recover(t.Context(), d.port, opt); err != nil {
			t.Error(err)
		}
		d.noLeftovers(t)
	}}
	if _, err := postgresEntry(t).Strategy.Restore(t.Context(), d.port, opt, stream); err == nil {
		t.Fatal("the restore says it is done")
	}
	if diff := cmp.Diff(want, d.sum(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
	d.noLeftovers(t)
}

// killer ends the server once something of a dump has arrived.
type killer struct {
	seen int
	kill func()
}

func (k *killer) Write(p []byte) (int, error) {
	if k.seen += len(p); k.seen > 20_000 && k.kill != nil {
		k.kill()
		k.kill = nil
	}
	return len(p), nil
}

func TestPostgres_ContainerKilledMidDump(t *testing.T) {
	d := startShop(t, "17")
	d.psql(t, "shop", "INSERT INTO customers (name) SELECT repeat('x', 500) FROM generate_series(1, 100000)")
	stop := &killer{kill: func() { enginetest.Docker(t, "kill", d.Name) }}
	if _, err := postgresEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, stop); err == nil {
		t.Fatal("a dump of a killed server counts as done")
	}
}

func TestPostgres_Credentials(t *testing.T) {
	locked := []string{"POSTGRES_INITDB_ARGS=--auth-local=scram-sha-256 --auth-host=scram-sha-256"}
	with := func(env ...string) []string { return append(env, locked...) }
	tests := map[string]struct {
		env  []string
		opt  strategy.Options
		want string // part of the error; empty: works
	}{
		"user and password":     {with("POSTGRES_USER=ad min", "POSTGRES_PASSWORD=p w$x'\""), strategy.Options{}, ""},
		"password-env":          {with("POSTGRES_PASSWORD=one", "OTHER=one"), strategy.Options{User: "postgres", PasswordEnv: "OTHER"}, ""},
		"wrong password":        {with("POSTGRES_PASSWORD=one", "OTHER=two"), strategy.Options{PasswordEnv: "OTHER"}, "password authentication failed"},
		"no such variable":      {with("POSTGRES_PASSWORD=one"), strategy.Options{PasswordEnv: "NOPE"}, "no variable NOPE"},
		"no such file":          {with("POSTGRES_PASSWORD=one"), strategy.Options{PasswordFile: "/nope"}, "/nope cannot be read"},
		"another user's":        {with("POSTGRES_PASSWORD=one"), strategy.Options{User: "else"}, "no password supplied"},
		"bitnami's superuser":   {with("POSTGRES_PASSWORD=one", "POSTGRESQL_POSTGRES_PASSWORD=one", "POSTGRESQL_USERNAME=app"), strategy.Options{}, ""},
		"not a variable's name": {with("POSTGRES_PASSWORD=one"), strategy.Options{PasswordEnv: "A;id"}, "not the name of a variable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startPostgres(t, "17", tt.env...)
			var dump bytes.Buffer
			_, err := postgresEntry(t).Strategy.Dump(t.Context(), d.port, tt.opt, &dump)
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if _, proof := prove(t, dump.Bytes()); (proof == nil) != (tt.want == "") {
				t.Errorf("proof: %v", proof)
			}
		})
	}
}

func TestPostgres_PasswordFileOfTheImage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/password", []byte("from a file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := enginetest.StartPostgres(t, "17", enginetest.RunOptions{
		Volumes: []string{dir + ":/run/secrets"},
		Env:     []string{"POSTGRES_PASSWORD_FILE=/run/secrets/password", "POSTGRES_INITDB_ARGS=--auth-local=scram-sha-256"},
	})
	d := database{c, port.New(t, c)}
	if _, err := prove(t, d.dump(t, strategy.Options{})); err != nil {
		t.Fatal(err)
	}
}

func TestPostgres_MissingTools(t *testing.T) {
	d := startPostgres(t, "17")
	d.Exec(t, "sh", "-c", "rm -f $(command -v pg_dump) /usr/lib/postgresql/17/bin/pg_dump")
	var dump bytes.Buffer
	_, err := postgresEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, &dump)
	if err == nil || !strings.Contains(err.Error(), "pg_dump is not in this image") {
		t.Errorf("got %v", err)
	}
}

func TestPostgres_RestoreWhileClientsKeepComing(t *testing.T) {
	d := startShop(t, "17")
	dump := d.dump(t, strategy.Options{})
	for range 4 {
		enginetest.Docker(t, "exec", "--detach", d.Name, "sh", "-c", "while :; do psql -U postgres -d shop -Atc 'SELECT 1'; done")
	}
	if _, err := postgresEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	d.noLeftovers(t)
}

func TestPostgres_EveryTruncationIsBroken(t *testing.T) {
	d := startShop(t, "17")
	dump := d.dump(t, strategy.Options{})
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := random.IntN(len(dump))
		if _, err := prove(t, dump[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(dump))
		}
	}
	if _, err := prove(t, dump[:len(dump)-1]); err == nil {
		t.Error("a dump without its last byte counts as whole")
	}
}
