package strategy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// mysqlServer is one server, MariaDB or MySQL, whose root has the password "secret".
type mysqlServer struct {
	*enginetest.Container
	strategytest.Source
	version string
}

func startMySQL(t testing.TB, version string, opt enginetest.RunOptions) mysqlServer {
	t.Helper()
	c := enginetest.StartMySQL(t, version, opt)
	d := mysqlServer{Container: c, version: version}
	d.Source = strategytest.Source{
		Entry: strategytest.Entry(t, "mysql"), Container: port.New(t, c), Secrets: []string{"secret", "app's"},
		State: d.state, Damage: d.damage, Hand: byHand(c),
		Restart: func(t testing.TB) {
			enginetest.Docker(t, "restart", c.Name)
			enginetest.WaitMySQL(t, c, version)
		},
	}
	return d
}

func startMySQLShop(t testing.TB, version string, opt enginetest.RunOptions) mysqlServer {
	t.Helper()
	d := startMySQL(t, version, opt)
	d.sql(t, testdata(t, "mysql.sql"))
	if state := d.state(t); strings.Contains(state, "ERROR ") || strings.HasPrefix(version, "mariadb") && !strings.Contains(state, "sequence\t80\t3") {
		t.Fatalf("the shop is not as it should be:\n%s", state)
	}
	return d
}

func mysqlRows() []row {
	var rows []row
	for _, version := range enginetest.MySQLVersions() {
		rows = append(rows, row{version, func(t testing.TB) strategytest.Source {
			var opt enginetest.RunOptions
			if strings.HasPrefix(version, "mysql") {
				opt.Volumes = []string{secretFiles(t, map[string]string{"root": "secret\n"}) + ":/run/secrets"}
				opt.Env = []string{"MYSQL_ROOT_PASSWORD_FILE=/run/secrets/root"}
			}
			d := startMySQLShop(t, version, opt)
			d.Fresh = func(t testing.TB) strategytest.Source {
				return startMySQL(t, version, enginetest.RunOptions{}).Source
			}
			d.Writer = d.writer()
			return d.Source
		}})
	}
	return rows
}

func (d mysqlServer) sql(t testing.TB, text string) string {
	t.Helper()
	return d.ExecInput(t, strings.NewReader(text), d.client(t)...)
}

func (d mysqlServer) client(t testing.TB, more ...string) []string {
	t.Helper()
	args := []string{"sh", "-c", `MYSQL_PWD=secret exec "$@"`, "sh", enginetest.MySQLClient(d.version), "-uroot", "--default-character-set=utf8mb4", "--max-allowed-packet=64M", "--comments", "-BN"}
	return append(args, more...)
}

// state is all that the shop consists of, as the server shows it, and the server's own limits, which a dump and a
// restore raise for a moment. What is not there is shown by its error.
func (d mysqlServer) state(t testing.TB) string {
	t.Helper()
	args := d.client(t, "--force")
	args[2] = `MYSQL_PWD=secret "$@" 2>&1 || :`
	out := d.ExecInput(t, strings.NewReader(testdata(t, "mysqlsum.sql")), args...)
	// MySQL shows a column's character set from the second time on, once a dump has spelled it out.
	return strings.ReplaceAll(out, "CHARACTER SET utf8mb4 COLLATE", "COLLATE")
}

// damage is what a later migration and a bad day do.
func (d mysqlServer) damage(t testing.TB) {
	t.Helper()
	d.sql(t, `SET sql_mode = ''; CREATE TABLE shop.later (a INT UNSIGNED, FOREIGN KEY (a) REFERENCES shop.customers (id)); INSERT INTO shop.later VALUES (1);
		CREATE DATABASE IF NOT EXISTS other; CREATE TABLE IF NOT EXISTS other.refers (a INT UNSIGNED, FOREIGN KEY (a) REFERENCES shop.customers (id));
		DELETE FROM shop.orders; UPDATE shop.customers SET name = 'lost' WHERE id > 10; DROP VIEW shop.rich; DROP FUNCTION shop.tax;
		DROP DATABASE nothing_in_it; ALTER DATABASE shop CHARACTER SET latin1; DROP USER owner@localhost; ALTER USER app@'%' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 ACCOUNT LOCK;
		REVOKE ALL ON `+"`we``ird na'me`.* FROM app@'%'; DROP DATABASE other;")
}

const mysqlBank = `CREATE DATABASE a1; CREATE DATABASE z9; SET sql_mode = '';
CREATE TABLE a1.money (id INT PRIMARY KEY, v INT); CREATE TABLE z9.money (id INT PRIMARY KEY, v INT);
INSERT INTO a1.money VALUES (1, 1000000); INSERT INTO z9.money VALUES (1, 0);
CREATE TABLE a1.going (yes INT); INSERT INTO a1.going VALUES (1);
CREATE TABLE a1.weight (id INT PRIMARY KEY, t LONGTEXT);
INSERT INTO a1.weight WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, REPEAT('weight', 20000) FROM n;
DELIMITER $$
CREATE PROCEDURE a1.move() BEGIN
	WHILE (SELECT yes FROM a1.going) DO
		START TRANSACTION; UPDATE a1.money SET v = v - 1; UPDATE z9.money SET v = v + 1; COMMIT;
	END WHILE;
END$$
DELIMITER ;
`

// writer moves money from one database to another.
func (d mysqlServer) writer() *strategytest.Writer {
	return &strategytest.Writer{
		Start: func(t testing.TB) {
			d.sql(t, mysqlBank)
			background(t, d.Container, d.client(t, "-e", "CALL a1.move()")...)
		},
		Stop: func(t testing.TB) {
			d.sql(t, "UPDATE a1.going SET yes = 0")
			strategytest.Until(t, "the writer ends", func() bool {
				return d.sql(t, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB IS NULL AND INFO IS NOT NULL AND ID <> CONNECTION_ID() AND USER = 'root'") == "0"
			})
		},
		Done: func(t testing.TB) string { return d.sql(t, "SELECT v FROM z9.money") },
		Sum:  func(t testing.TB) string { return d.sql(t, "SELECT a.v + z.v FROM a1.money a, z9.money z") },
	}
}

func TestMySQL_OneServer(t *testing.T) {
	t.Parallel()
	d := startMySQLShop(t, "mariadb:10.11", enginetest.RunOptions{})
	want := d.state(t)
	dump, proof := d.Dump(t)
	t.Run("proof counts every table, traps in strings or not", func(t *testing.T) {
		tables := map[string]int64{
			"shop.customers": 905, "shop.orders": 3, "shop.empty_one": 0, "shop.odd `table (x": 2,
			"shop.parts": 2, "shop.log": 3, "shop.zero": 2, "we`ird na'me.t": 2,
		}
		tables["shop.log"] = proof.Detail["shop.log"] // made before its trigger
		if diff := cmp.Diff(tables, proof.Detail); diff != "" {
			t.Errorf("proof differs (-want +got):\n%s", diff)
		}
	})
	t.Run("warns of tables without transactions", func(t *testing.T) {
		report, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(report.Warnings, "\n")
		if !strings.Contains(said, "shop.log (MyISAM)") || !strings.Contains(said, "`shop`.`gone`") || len(report.Warnings) != 2 {
			t.Errorf("warnings: %q", report.Warnings)
		}
	})
	t.Run("refused before anything is changed", func(t *testing.T) { d.refuses(t, dump, want) })
	t.Run("named databases only", func(t *testing.T) { d.namedOnly(t) })
	t.Run("a stream that ends badly is no success", func(t *testing.T) { d.badEnds(t, dump) })
	t.Run("a restore called off half way is mended by another", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := d.restoreOf(t, ctx, strategytest.Halfway(dump, len(dump)/2, cancel)); err == nil {
			t.Error("the restore says it is done")
		}
		d.Restore(t, dump) // the way out that the runner names
		if diff := cmp.Diff(want, d.state(t)); diff != "" {
			t.Errorf("a second restore does not bring everything back:\n%s", diff)
		}
	})
	t.Run("a value that grows beyond the packet in hexadecimal", func(t *testing.T) { d.largeValue(t) })
}

func (d mysqlServer) restoreOf(t testing.TB, ctx context.Context, r io.Reader) error {
	t.Helper()
	_, err := d.Entry.Strategy.Restore(ctx, d.Source.Container, strategy.Options{Token: "r1"}, r)
	return err
}

// refuses gives it what is no dump for it.
func (d mysqlServer) refuses(t *testing.T, dump []byte, want string) {
	swap := strings.NewReplacer("MariaDB, mark", "MySQL, mark", "MySQL, mark", "MariaDB, mark")
	head := len("-- simpledeploy-backup mysql dump, format 1, MariaDB, mark")
	streams := map[string][]byte{
		"of the other engine":  append([]byte(swap.Replace(string(dump[:head]))), dump[head:]...),
		"of another program":   []byte("DROP DATABASE shop;\n"),
		"empty":                nil,
		"unreadable from here": dump[:20],
	}
	for name, stream := range streams {
		if err := d.restoreOf(t, t.Context(), bytes.NewReader(stream)); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(want, d.state(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

func (d mysqlServer) namedOnly(t *testing.T) {
	one := d.Source
	one.Options.Databases = []string{"we`ird na'me"}
	dump, _ := one.Dump(t)
	if bytes.Contains(dump, []byte("CREATE USER")) || bytes.Contains(dump, []byte("customers")) {
		t.Error("the dump holds more than the named database")
	}
	d.sql(t, "DELETE FROM shop.orders; DELETE FROM `we``ird na'me`.t")
	one.Restore(t, dump)
	if got := d.sql(t, "SELECT COUNT(*) FROM `we``ird na'me`.t; SELECT COUNT(*) FROM shop.orders"); got != "2\n0" {
		t.Errorf("rows of the named database and of the other: %q", got)
	}
	_, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{Databases: []string{"none"}}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a database that is not there: %v", err)
	}
}

func (d mysqlServer) badEnds(t *testing.T, dump []byte) {
	cause := errors.New("the stored hash does not agree")
	if err := d.restoreOf(t, t.Context(), strategytest.Refused(dump, cause)); !errors.Is(err, cause) {
		t.Errorf("refused at its end: %v, want %v", err, cause)
	}
	if err := d.restoreOf(t, t.Context(), bytes.NewReader(dump[:len(dump)-10])); err == nil {
		t.Error("cut short: the restore says it is done")
	}
}

func (d mysqlServer) largeValue(t *testing.T) {
	d.sql(t, "CREATE DATABASE big; CREATE TABLE big.t (b LONGBLOB); INSERT INTO big.t VALUES (REPEAT(UNHEX('FF'), 12 * 1024 * 1024)); SET GLOBAL max_allowed_packet = 16777216")
	one := d.Source
	one.Options.Databases = []string{"big"}
	dump, _ := one.Dump(t)
	d.sql(t, "DELETE FROM big.t")
	one.Restore(t, dump)
	if got := d.sql(t, "SELECT LENGTH(b), @@GLOBAL.max_allowed_packet FROM big.t"); got != "12582912\t16777216" {
		t.Errorf("length and limit: %s", got)
	}
}

// TestMySQL_TroubleInMidDump ends with the server's death.
func TestMySQL_TroubleInMidDump(t *testing.T) {
	t.Parallel()
	d := startMySQL(t, "mariadb:10.11", enginetest.RunOptions{})
	d.sql(t, mysqlBank)
	dumpTo := func(w io.Writer) error {
		_, err := d.Entry.Strategy.Dump(t.Context(), d.Source.Container, strategy.Options{}, w)
		return err
	}
	t.Run("a reader that stalls is waited for", func(t *testing.T) {
		d.sql(t, "SET GLOBAL net_write_timeout = 2")
		stalled := false
		err := dumpTo(strategytest.When("weightweight", func() {
			stalled = true
			d.sql(t, "DO SLEEP(6)") // the server's own clock
		}))
		if err != nil || !stalled {
			t.Errorf("stalled: %v; %v", stalled, err)
		}
		if got := d.sql(t, "SELECT @@GLOBAL.net_write_timeout"); got != "2" {
			t.Errorf("the server's own limit is %s now", got)
		}
	})
	t.Run("the connection is cut", func(t *testing.T) {
		var dump bytes.Buffer
		cut := strategytest.After(20_000, func() {
			d.sql(t, "SELECT CONCAT('KILL ', ID, ';') INTO @k FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%SQL_NO_CACHE%' AND ID <> CONNECTION_ID() LIMIT 1; PREPARE k FROM @k; EXECUTE k;")
		})
		if err := dumpTo(io.MultiWriter(&dump, cut)); err == nil {
			t.Error("it counts as done")
		}
		if _, err := strategytest.Prove(d.Entry, dump.Bytes()); err == nil {
			t.Error("it is called whole")
		}
	})
	t.Run("the container is killed", func(t *testing.T) {
		if err := dumpTo(strategytest.After(20_000, func() { enginetest.Docker(t, "kill", d.Name) })); err == nil {
			t.Error("it counts as done")
		}
	})
}
