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
			d.sql(t, "UPDATE a1.going SET yes = 0")
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

func TestMySQL_Credentials(t *testing.T) {
	const secret = "p w$x'\"\\#"
	d := startMySQL(t, "mariadb:11.8", "MARIADB_ROOT_PASSWORD="+secret, "MYSQL_USER=u$er", "MYSQL_PASSWORD=x"+secret,
		"MARIADB_DATABASE=app", "SAME="+secret, "OTHER=two")
	tests := map[string]struct {
		opt  strategy.Options
		want string // part of the error; empty: works
	}{
		"root's":                {strategy.Options{}, ""},
		"password-env":          {strategy.Options{User: "root", PasswordEnv: "SAME"}, ""},
		"the user's":            {strategy.Options{User: "u$er"}, ""},
		"wrong password":        {strategy.Options{PasswordEnv: "OTHER"}, "Access denied for user 'root'"},
		"no such variable":      {strategy.Options{PasswordEnv: "NOPE"}, "no variable NOPE"},
		"no such file":          {strategy.Options{PasswordFile: "/nope"}, "/nope cannot be read"},
		"another user's":        {strategy.Options{User: "else"}, "Access denied for user 'else'"},
		"not a variable's name": {strategy.Options{PasswordEnv: "A;id"}, "not the name of a variable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var dump bytes.Buffer
			_, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, tt.opt, &dump)
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if _, proof := proveMySQL(t, dump.Bytes()); (proof == nil) != (tt.want == "") {
				t.Errorf("proof: %v", proof)
			}
		})
	}
}

func TestMySQL_PasswordFileOfTheImage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/password", []byte("from a file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"mariadb:10.11", "mysql:9"} {
		c := enginetest.StartMySQL(t, version, enginetest.RunOptions{
			Volumes: []string{dir + ":/run/secrets"},
			Env:     []string{"MYSQL_ROOT_PASSWORD_FILE=/run/secrets/password", "MYSQL_DATABASE=app"},
		})
		d := mysqlServer{c, version, port.New(t, c)}
		if _, err := proveMySQL(t, d.dump(t, strategy.Options{})); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMySQL_AccountThatSeesLessSaysSo(t *testing.T) {
	d := startMySQL(t, "mariadb:10.11", "MYSQL_DATABASE=app", "MYSQL_USER=app", "MYSQL_PASSWORD=pass")
	d.sql(t, "CREATE TABLE app.t (a INT); INSERT INTO app.t VALUES (1); CREATE DATABASE hidden")
	var dump bytes.Buffer
	report, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{User: "app"}, &dump)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "users and their rights are not in the backup") {
		t.Errorf("warnings: %q", report.Warnings)
	}
	if proof, err := proveMySQL(t, dump.Bytes()); err != nil || proof.Rows != 1 {
		t.Errorf("proof %+v: %v", proof, err)
	}
	d.sql(t, "DELETE FROM app.t")
	if _, err := mysqlEntry(t).Strategy.Restore(t.Context(), d.port, strategy.Options{User: "app"}, &dump); err != nil {
		t.Errorf("the account cannot restore what it dumped: %v", err)
	}
}

func TestMySQL_MissingTools(t *testing.T) {
	d := startMySQL(t, "mariadb:11.8")
	d.Exec(t, "rm", "/usr/bin/mariadb-dump")
	_, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "neither mariadb-dump nor mysqldump is in this image") {
		t.Errorf("got %v", err)
	}
}

// spy looks at all command lines in the container when the dump begins to arrive.
type spy struct {
	look func() string
	seen string
}

func (s *spy) Write(p []byte) (int, error) {
	if s.seen == "" && bytes.Contains(p, []byte("INSERT INTO")) {
		s.seen = s.look()
	}
	return len(p), nil
}

func TestMySQL_PasswordIsOnNoCommandLine(t *testing.T) {
	for _, version := range []string{"mariadb:11.8", "mysql:9"} {
		d := startMySQL(t, version, "MYSQL_ROOT_PASSWORD=secret")
		d.sql(t, hammer)
		s := &spy{look: func() string { return d.Exec(t, "sh", "-c", `cat /proc/[0-9]*/cmdline | tr '\0' ' '`) }}
		if _, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, s); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s.seen, "--single-transaction") || strings.Contains(s.seen, "secret") {
			t.Errorf("%s: command lines during the dump: %s", version, s.seen)
		}
	}
}

func TestMySQL_ReaderThatStallsIsWaitedFor(t *testing.T) {
	d := startMySQL(t, "mariadb:10.11")
	d.sql(t, hammer+"SET GLOBAL net_write_timeout = 2;")
	begun, wait := false, make(chan struct{})
	stall := writerFunc(func(p []byte) (int, error) {
		if !begun && bytes.Contains(p, []byte("weight")) {
			begun = true
			go func() {
				d.sql(t, "DO SLEEP(6)") // the server's own clock
				close(wait)
			}()
			<-wait
		}
		return len(p), nil
	})
	if _, err := mysqlEntry(t).Strategy.Dump(t.Context(), d.port, strategy.Options{}, stall); err != nil {
		t.Fatal(err)
	}
	if !begun {
		t.Fatal("nothing stalled")
	}
	if got := d.sql(t, "SELECT @@GLOBAL.net_write_timeout"); got != "2" {
		t.Errorf("the server's own limit is %s now", got)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestMySQL_ValueThatGrowsBeyondThePacketInHexadecimal(t *testing.T) {
	d := startMySQL(t, "mariadb:10.11")
	d.sql(t, "CREATE DATABASE big; CREATE TABLE big.t (b LONGBLOB); INSERT INTO big.t VALUES (REPEAT(UNHEX('FF'), 12 * 1024 * 1024)); SET GLOBAL max_allowed_packet = 16777216")
	dump := d.dump(t, strategy.Options{})
	d.sql(t, "DELETE FROM big.t")
	d.restore(t, dump)
	if got := d.sql(t, "SELECT LENGTH(b), @@GLOBAL.max_allowed_packet FROM big.t"); got != "12582912\t16777216" {
		t.Errorf("length and limit: %s", got)
	}
}
