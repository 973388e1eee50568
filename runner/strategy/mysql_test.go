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
)

func mysqlEntry(t testing.TB) strategy.Entry {
	for _, entry := range strategy.Builtin() {
		if entry.Name == "mysql" {
			return entry
		}
	}
	t.Fatal("mysql is not in the registry")
	return strategy.Entry{}
}

// mysqlServer is one server, MariaDB or MySQL.
type mysqlServer struct {
	*enginetest.Container
	version string
	port    strategy.Container
}

func startMySQL(t testing.TB, version string, env ...string) mysqlServer {
	t.Helper()
	c := enginetest.StartMySQL(t, version, enginetest.RunOptions{Env: env})
	return mysqlServer{c, version, port.New(t, c)}
}

func startMySQLShop(t testing.TB, version string) mysqlServer {
	t.Helper()
	d := startMySQL(t, version)
	text, err := os.ReadFile("testdata/mysql.sql")
	if err != nil {
		t.Fatal(err)
	}
	d.sql(t, string(text))
	return d
}

func (d mysqlServer) sql(t testing.TB, text string) string {
	t.Helper()
	return d.ExecInput(t, strings.NewReader(text), "sh", "-c",
		`MYSQL_PWD=secret exec "$0" -uroot --default-character-set=utf8mb4 --max-allowed-packet=64M --comments -BN`, enginetest.MySQLClient(d.version))
}

// sum is all that the shop consists of, as the server shows it.
func (d mysqlServer) sum(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/mysqlsum.sql")
	if err != nil {
		t.Fatal(err)
	}
	// MySQL shows a column's character set from the second time on, once a dump has spelled it out.
	return strings.ReplaceAll(d.sql(t, string(text)), "CHARACTER SET utf8mb4 COLLATE", "COLLATE")
}

func (d mysqlServer) dump(t testing.TB, opt strategy.Options) []byte {
	t.Helper()
	var dump bytes.Buffer
	report, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, opt, &dump)
	if err != nil {
		t.Fatal(err)
	}
	if report.EngineVersion == "" {
		t.Errorf("report %+v", report)
	}
	return dump.Bytes()
}

func (d mysqlServer) restore(t testing.TB, dump []byte) strategy.Report {
	t.Helper()
	report, err := mysqlEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func proveMySQL(t testing.TB, dump []byte) (strategy.Proof, error) {
	t.Helper()
	prover := mysqlEntry(t).Prover()
	if _, err := prover.Write(dump); err != nil {
		t.Fatal(err)
	}
	return prover.Proof()
}

func TestMySQL_RestoresAllThatWasThere(t *testing.T) {
	for _, version := range enginetest.MySQLVersions() {
		t.Run(version, func(t *testing.T) {
			d := startMySQLShop(t, version)
			want := d.sum(t)
			dump := d.dump(t, strategy.Options{})
			proof := proofOfShop(t, dump)
			t.Run("after damage", func(t *testing.T) {
				d.damage(t)
				report := d.restore(t, dump)
				if diff := cmp.Diff(want, d.sum(t)); diff != "" {
					t.Errorf("restored state differs (-was +is):\n%s", diff)
				}
				if report.Restored == nil {
					t.Fatal("nothing was counted")
				}
				if diff := cmp.Diff(proof, *report.Restored); diff != "" {
					t.Errorf("counted differs from the proof:\n%s", diff)
				}
			})
			t.Run("into a fresh server", func(t *testing.T) {
				fresh := startMySQL(t, version)
				fresh.restore(t, dump)
				if diff := cmp.Diff(want, fresh.sum(t)); diff != "" {
					t.Errorf("restored state differs (-was +is):\n%s", diff)
				}
			})
			t.Run("by hand", func(t *testing.T) {
				d.damage(t)
				enginetest.Shell(t, mysqlEntry(t).Recipe(strategy.Options{}), bytes.NewReader(dump), "CONTAINER="+d.Name)
				if diff := cmp.Diff(want, d.sum(t)); diff != "" {
					t.Errorf("restored state differs (-was +is):\n%s", diff)
				}
			})
			t.Run("every truncation is broken", func(t *testing.T) { truncateMySQL(t, dump) })
			t.Run("refused before anything is changed", func(t *testing.T) { d.refuses(t, dump, want) })
			t.Run("limits are as they were", func(t *testing.T) {
				if got := d.sql(t, "SELECT @@GLOBAL.net_write_timeout < 1000, @@GLOBAL.max_allowed_packet < 1000000000"); got != "1\t1" {
					t.Errorf("limits of the server stay raised: %s", got)
				}
			})
		})
	}
}

// proofOfShop checks what the prover counts, a trap in a string included.
func proofOfShop(t *testing.T, dump []byte) strategy.Proof {
	t.Helper()
	proof, err := proveMySQL(t, dump)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"shop.customers": 905, "shop.orders": 3, "shop.empty_one": 0, "shop.odd `table (x": 2,
		"shop.parts": 2, "shop.log": 3, "shop.zero": 2, "we`ird na'me.t": 2,
	}
	want["shop.log"] = proof.Detail["shop.log"] // made before its trigger
	if diff := cmp.Diff(want, proof.Detail); diff != "" {
		t.Errorf("proof differs (-want +got):\n%s", diff)
	}
	return proof
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

func truncateMySQL(t *testing.T, dump []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := random.IntN(len(dump))
		if _, err := proveMySQL(t, dump[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(dump))
		}
	}
	if _, err := proveMySQL(t, dump[:len(dump)-1]); err == nil {
		t.Error("a dump without its last byte counts as whole")
	}
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
		if _, err := mysqlEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{Token: "r1"}, bytes.NewReader(stream)); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(want, d.sum(t)); diff != "" {
		t.Errorf("the old state changed:\n%s", diff)
	}
}

func TestMySQL_StreamThatEndsBadlyIsNoSuccess(t *testing.T) {
	d := startMySQLShop(t, "mariadb:10.11")
	dump := d.dump(t, strategy.Options{})
	cause := errors.New("the stored hash does not agree")
	for name, r := range map[string]io.Reader{
		"refused at its end": io.MultiReader(bytes.NewReader(dump), failing{cause}),
		"cut short":          bytes.NewReader(dump[:len(dump)-10]),
	} {
		_, err := mysqlEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{}, r)
		if err == nil {
			t.Errorf("%s: the restore says it is done", name)
		}
		if name == "refused at its end" && !errors.Is(err, cause) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
}

func TestMySQL_NamedDatabasesOnly(t *testing.T) {
	d := startMySQLShop(t, "mariadb:11.8")
	dump := d.dump(t, strategy.Options{Databases: []string{"we`ird na'me"}})
	if bytes.Contains(dump, []byte("CREATE USER")) || bytes.Contains(dump, []byte("customers")) {
		t.Error("the dump holds more than the named database")
	}
	d.sql(t, "DELETE FROM shop.orders; DELETE FROM `we``ird na'me`.t")
	d.restore(t, dump)
	if got := d.sql(t, "SELECT COUNT(*) FROM `we``ird na'me`.t; SELECT COUNT(*) FROM shop.orders"); got != "2\n0" {
		t.Errorf("rows of the named database and of the other: %q", got)
	}
	_, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{Databases: []string{"none"}}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a database that is not there: %v", err)
	}
}

func TestMySQL_WarnsOfTablesWithoutTransactions(t *testing.T) {
	d := startMySQLShop(t, "mariadb:10.11")
	report, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(report.Warnings, "\n")
	if !strings.Contains(said, "shop.log (MyISAM)") || !strings.Contains(said, "`shop`.`gone`") || len(report.Warnings) != 2 {
		t.Errorf("warnings: %q", report.Warnings)
	}
}

const hammer = `CREATE DATABASE a1; CREATE DATABASE z9; SET sql_mode = '';
CREATE TABLE a1.money (id INT PRIMARY KEY, v INT); CREATE TABLE z9.money (id INT PRIMARY KEY, v INT);
INSERT INTO a1.money VALUES (1, 1000000); INSERT INTO z9.money VALUES (1, 0);
CREATE TABLE a1.weight (id INT PRIMARY KEY, t LONGTEXT);
INSERT INTO a1.weight WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, REPEAT('weight', 20000) FROM n;
DELIMITER $$
CREATE PROCEDURE a1.move() BEGIN
	WHILE 1 DO
		START TRANSACTION; UPDATE a1.money SET v = v - 1; UPDATE z9.money SET v = v + 1; COMMIT;
	END WHILE;
END$$
DELIMITER ;
`

func TestMySQL_OneMomentUnderAWriter(t *testing.T) {
	for _, version := range enginetest.MySQLVersions() {
		t.Run(version, func(t *testing.T) {
			d := startMySQL(t, version)
			d.sql(t, hammer)
			d.Exec(t, "sh", "-c", `MYSQL_PWD=secret "$0" -uroot -e 'CALL a1.move()' >/dev/null 2>&1 &`, enginetest.MySQLClient(version))
			before := d.sql(t, "SELECT v FROM z9.money")
			dump := d.dump(t, strategy.Options{})
			after := d.sql(t, "SELECT v FROM z9.money")
			if before == after {
				t.Fatal("nothing was written during the dump")
			}
			d.sql(t, "SELECT CONCAT('KILL ', ID, ';') INTO @k FROM information_schema.PROCESSLIST WHERE DB IS NULL AND USER = 'root' AND ID <> CONNECTION_ID() AND COMMAND = 'Query' LIMIT 1; PREPARE k FROM @k; EXECUTE k;")
			d.restore(t, dump)
			if got := d.sql(t, "SELECT a.v + z.v FROM a1.money a, z9.money z"); got != "1000000" {
				t.Errorf("the sum is %s: not one moment", got)
			}
		})
	}
}

func TestMySQL_ContainerKilledMidDump(t *testing.T) {
	d := startMySQL(t, "mariadb:11.8")
	d.sql(t, hammer)
	stop := &killer{kill: func() { enginetest.Docker(t, "kill", d.Name) }}
	if _, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, stop); err == nil {
		t.Fatal("a dump of a killed server counts as done")
	}
}

func TestMySQL_ServerDiesMidDump(t *testing.T) {
	d := startMySQL(t, "mariadb:10.11")
	d.sql(t, hammer)
	var dump bytes.Buffer
	stop := &killer{kill: func() {
		d.sql(t, "SELECT CONCAT('KILL ', ID, ';') INTO @k FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT%SQL_NO_CACHE%' AND ID <> CONNECTION_ID() LIMIT 1; PREPARE k FROM @k; EXECUTE k;")
	}}
	_, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.MultiWriter(&dump, stop))
	if err == nil {
		t.Fatal("a dump whose connection was cut counts as done")
	}
	if _, err := proveMySQL(t, dump.Bytes()); err == nil {
		t.Error("it is called whole")
	}
}

func TestMySQL_RestoreCancelledHalfWay(t *testing.T) {
	d := startMySQLShop(t, "mariadb:11.8")
	dump, want := d.dump(t, strategy.Options{}), d.sum(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream := &halfway{r: bytes.NewReader(dump), left: len(dump) / 2, stop: cancel}
	if _, err := mysqlEntry(t).Strategy.Restore(ctx, d.port, strategy.Options{}, stream); err == nil {
		t.Fatal("the restore says it is done")
	}
	d.restore(t, dump) // the way out that the runner names
	if diff := cmp.Diff(want, d.sum(t)); diff != "" {
		t.Errorf("a second restore does not bring everything back:\n%s", diff)
	}
}
