package strategy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mySmallDump has every construct that could be taken for another.
const mySmallDump = "-- simpledeploy-backup mysql dump, format 1, MariaDB, mark abcdefghijklmnopqrstuvwxyz\n" +
	"-- By hand: …\n" +
	"-- mark abcdefghijklmnopqrstuvwxyz: accounts\nSET @simpledeploy_do = IF(@simpledeploy_self = 'AB', 'DO 0', 'CREATE USER IF NOT EXISTS `a;`@`%`');\n" +
	"-- mark abcdefghijklmnopqrstuvwxyz: databases [\"shop\",\"we`ird\"]\n" +
	"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n--\n-- Host: localhost\n\n" +
	"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\n" +
	"/*!40000 DROP DATABASE IF EXISTS `shop`*/;\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n\nUSE `shop`;\n" +
	"DROP TABLE IF EXISTS `t (x`;\nCREATE TABLE `t (x` (\n  `a` int(11) DEFAULT 5 COMMENT 'it''s; (\\'',\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB;\n" +
	"INSERT INTO `t (x` VALUES\n(1,'(a),(b);\\n-- Dump completed on 2026\\\\',NULL),\n(-2,'x''y\\'z\"`',0xFF00),(3,_binary '--',-1.5e-3);\n" +
	"INSERT INTO `t (x` VALUES (4,'',NULL);\n" +
	"CREATE TABLE `g` (`a` int) ;\nINSERT INTO `g` (`a`, `b`) VALUES (1,2),(3,4);\nCREATE TABLE `empty` (`a` int);\n" +
	"/*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;\n" +
	"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER x BEFORE INSERT ON g FOR EACH ROW BEGIN\n" +
	"  -- it's; a ` comment\n  /* don't (; ;; */ # nor \"this\n  INSERT INTO `nobody` VALUES (1); SET @a = 5--1; SET @b = 6/2;\nEND */;;\nDELIMITER ;\n" +
	"/*!50003 SET sql_mode              = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */ ;\nDELIMITER ;;\nCREATE PROCEDURE \"w\"() SELECT 'C:\\' AS \"p;;\" ;;\nDELIMITER ;\n" +
	"/*!50003 SET sql_mode              = @saved_sql_mode */ ;\n" +
	"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `we``ird` ;\nUSE `we``ird`;\nCREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES ('\\\\');\n" +
	"-- Dump completed on 2026-11-21  2:00:00\n" +
	"-- mark abcdefghijklmnopqrstuvwxyz: grants\nGRANT SELECT ON `shop`.* TO 'a';\n" +
	"-- mark abcdefghijklmnopqrstuvwxyz: complete, databases: 2\n"

func proofOf(text string, chunk int) (Proof, error) {
	p := newMySQLProver()
	for b := []byte(text); len(b) > 0; {
		n := min(chunk, len(b))
		_, _ = p.Write(b[:n])
		b = b[n:]
	}
	return p.Proof()
}

func TestMySQLProver_CountsRowsAndNothingElse(t *testing.T) {
	want := Proof{Format: "mysqldump", Tables: 4, Rows: 7, Detail: map[string]int64{
		"shop.t (x": 4, "shop.g": 2, "shop.empty": 0, "we`ird.t": 1,
	}}
	for _, chunk := range []int{1, 2, 3, 7, 64, 1 << 20} {
		got, err := proofOf(mySmallDump, chunk)
		if err != nil {
			t.Fatalf("in pieces of %d: %v", chunk, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in pieces of %d:\n%s", chunk, diff)
		}
	}
}

func TestMySQLProver_EveryPrefixIsBroken(t *testing.T) {
	for n := range len(mySmallDump) {
		if _, err := proofOf(mySmallDump[:n], 1<<20); err == nil {
			t.Fatalf("the first %d bytes count as whole", n)
		}
	}
}

func TestMySQLProver_Refuses(t *testing.T) {
	replace := func(old, by string) string {
		out := strings.Replace(mySmallDump, old, by, 1)
		if out == mySmallDump {
			t.Fatalf("%q is not in the dump", old)
		}
		return out
	}
	tests := map[string]struct{ text, want string }{
		"nothing":                {"", "empty"},
		"another program's dump": {"-- MySQL dump 10.13\nSELECT 1;\n", "begin like a dump"},
		"no completion line":     {replace("\n-- Dump completed", "\n-- Dump complete"), "completion line is missing"},
		"a database less":        {replace(`"we`+"`"+`ird"]`, `"we`+"`"+`ird","more"]`), `"more" is missing`},
		"a database more":        {replace(`,"we`+"`"+`ird"]`, `]`), "does not name"},
		"rows of another table":  {replace("INSERT INTO `g` (", "INSERT INTO `h` ("), "did not create"},
		"an INSERT without rows": {replace("VALUES (1,2),(3,4);", "VALUES ;"), "without rows"},
		"text after the end":     {mySmallDump + "-- more\n", "after its end"},
		"statement after it":     {mySmallDump + "SELECT 1;", "after an end mark"},
		"a wrong number":         {replace("complete, databases: 2", "complete, databases: 1"), "does not belong"},
		"another delimiter":      {replace("DELIMITER ;;\nCREATE", "DELIMITER $$\nCREATE"), "delimiter"},
		"a line without an end":  {replace("-- By hand", "-- "+strings.Repeat("x", 9000)), "longer"},
	}
	for name, tt := range tests {
		if _, err := proofOf(tt.text, 1<<20); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func FuzzMySQLProver(f *testing.F) {
	f.Add([]byte(mySmallDump), 3)
	f.Add([]byte("-- simpledeploy-backup mysql dump, format 1, MySQL, mark abcdefghijklmnopqrstuvwxyz\nDELIMITER ;;"), 1)
	f.Fuzz(func(t *testing.T, text []byte, chunk int) {
		whole, err := proofOf(string(text), len(text)+1)
		parts, partsErr := proofOf(string(text), max(chunk, 1))
		if (err == nil) != (partsErr == nil) || !cmp.Equal(whole, parts) {
			t.Fatalf("in one piece %v %v, in pieces %v %v", whole, err, parts, partsErr)
		}
		if err != nil {
			return
		}
		if _, err := proofOf(string(text[:len(text)-1]), len(text)+1); err == nil && bytes.HasSuffix(text, []byte("\n")) && !bytes.HasSuffix(text, []byte("\n\n")) && strings.TrimSpace(string(text[len(text)-1:])) != "" {
			t.Fatal("a shorter dump counts as whole")
		}
	})
}

func TestMySQLProver_HoldsNoRows(t *testing.T) {
	p := newMySQLProver().(*myProof)
	head, tail, _ := strings.Cut(mySmallDump, "INSERT INTO `g`")
	_, _ = p.Write([]byte(head + "INSERT INTO `g` (`a`) VALUES (1"))
	row := []byte("),(0x" + strings.Repeat("F", 1<<20) + ",'" + strings.Repeat("x", 1<<20) + "'")
	for range 16 {
		_, _ = p.Write(row)
	}
	if cap(p.scan.head) > 2*myHead {
		t.Errorf("%d bytes of one statement are held", cap(p.scan.head))
	}
	_, _ = p.Write([]byte(");\nINSERT INTO `g`" + tail))
	proof, err := p.Proof()
	if err != nil || proof.Detail["shop.g"] != 19 {
		t.Errorf("%v %v", proof.Detail, err)
	}
}

func BenchmarkMySQLProver(b *testing.B) {
	row := "(1234,'customer 1234','2026-11-21 02:00:00',12.50,NULL,'a text with it\\'s quotes and (brackets) that is longer'),"
	rows := []byte(strings.Repeat(row, 1<<20/len(row)))
	p := newMySQLProver().(*myProof)
	head, _, _ := strings.Cut(mySmallDump, "INSERT INTO `g`")
	_, _ = p.Write([]byte(head + "INSERT INTO `g` (`a`) VALUES "))
	b.SetBytes(int64(len(rows)))
	for b.Loop() {
		_, _ = p.Write(rows)
	}
}

func TestMySQLAccounts_SpellOutWhatIsUnsaid(t *testing.T) {
	const none = " WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0"
	tests := map[string]string{
		"`a`@`%` IDENTIFIED BY PASSWORD '*AB'":                       "`a`@`%` IDENTIFIED BY PASSWORD '*AB' REQUIRE NONE" + none + " ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT",
		"`a`@`%` REQUIRE SSL WITH MAX_USER_CONNECTIONS 7":            "`a`@`%` REQUIRE SSL WITH MAX_USER_CONNECTIONS 7 ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT",
		"`a`@`%` ACCOUNT LOCK PASSWORD EXPIRE":                       "`a`@`%` REQUIRE NONE" + none + " ACCOUNT LOCK PASSWORD EXPIRE",
		"` ACCOUNT `@`%` IDENTIFIED WITH 'x' AS ' REQUIRE \\' WITH'": "` ACCOUNT `@`%` IDENTIFIED WITH 'x' AS ' REQUIRE \\' WITH' REQUIRE NONE" + none + " ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT",
	}
	for text, want := range tests {
		if diff := cmp.Diff(want, spelledOut(text)); diff != "" {
			t.Error(diff)
		}
	}
	if got := withoutDefaultRole("`a`@`%` IDENTIFIED WITH 'x' DEFAULT ROLE `r`@`%`,`s`@`%` REQUIRE NONE ACCOUNT LOCK"); got != "`a`@`%` IDENTIFIED WITH 'x' REQUIRE NONE ACCOUNT LOCK" {
		t.Error(got)
	}
	for text, want := range map[string]string{
		"GRANT SELECT ON *.* TO `a`": "", "GRANT SELECT ON `d`.* TO `a`": "", "GRANT `r` TO `a`": "",
		"GRANT SELECT (`x ON y`), INSERT ON `d ON`.`t``x` TO `a`": "`d ON`.`t``x`",
		"GRANT EXECUTE ON PROCEDURE `d`.`p` TO `a`":               "`d`.`p`",
		"GRANT PROXY ON ''@'%' TO 'root'@'localhost'":             "",
	} {
		if got := grantedOn(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
