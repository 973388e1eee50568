package strategy

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// myAccounts is what the server's users, roles and rights look like as SQL. Every statement is guarded in itself: the
// accounts of whoever restores keep their own password and rights, so that nobody is locked out.
type myAccounts struct {
	read     bool
	create   string
	grants   string
	warnings []string
}

type myAccount struct {
	user, host string
	role       bool // MariaDB's; MySQL's are users
}

func (a myAccount) name() string {
	if a.role {
		return quoteMyText(a.user)
	}
	return quoteMyText(a.user) + "@" + quoteMyText(a.host)
}

const myMayRead = "SELECT COUNT(*) FROM mysql.user WHERE 1 = 0;\n"

func (s mySession) accounts(ctx context.Context, server myServer) (myAccounts, error) {
	none := func([]string) error { return nil }
	if err := s.lines(ctx, myMayRead, none); err != nil {
		if strings.Contains(err.Error(), "denied") {
			return myAccounts{warnings: []string{fmt.Sprintf("users and their rights are not in the backup: %q may not read them; set the label `user` to an administrator", server.User)}}, nil
		}
		return myAccounts{}, fmt.Errorf("read users: %w", err)
	}
	list, err := s.accountList(ctx, server)
	if err != nil {
		return myAccounts{}, fmt.Errorf("read users: %w", err)
	}
	things, err := s.grantable(ctx)
	if err != nil {
		return myAccounts{}, fmt.Errorf("read users: %w", err)
	}
	out := &accountWriter{things: things}
	if err := s.lines(ctx, describe(list, server.Maria), out.line(list)); err != nil {
		return myAccounts{}, fmt.Errorf("read users: %w", err)
	}
	const modes = "SET @simpledeploy_mode = @@SESSION.sql_mode, @simpledeploy_names = @@SESSION.character_set_client;\nSET NAMES utf8mb4;\nSET SESSION sql_mode = '';\n" +
		"SET @simpledeploy_self = HEX(LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - 1 - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1))));\n"
	const back = "SET SESSION sql_mode = @simpledeploy_mode;\n"
	return myAccounts{
		read: true, warnings: out.warnings,
		create: modes + out.create.String() + back,
		grants: modes + out.grants.String() + out.last.String() + back,
	}, nil
}

// accountList leaves out the engine's own accounts, and those that MariaDB's image makes for its own health probe:
// their password is in the data directory.
func (s mySession) accountList(ctx context.Context, server myServer) ([]myAccount, error) {
	query := "SELECT HEX(User), HEX(Host), HEX('N') FROM mysql.user ORDER BY User, Host;\n"
	if server.Maria {
		query = "SELECT HEX(User), HEX(Host), HEX(is_role) FROM mysql.user ORDER BY is_role DESC, User, Host;\n"
	}
	var list []myAccount
	err := s.lines(ctx, query, func(f []string) error {
		v, err := unhex(f)
		if err != nil {
			return err
		}
		a := myAccount{v[0], v[1], v[2] == "Y"}
		own := slices.Contains([]string{"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys"}, a.user)
		probe := server.Maria && a.user == "healthcheck" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, a.host)
		everyone := a.role && a.user == "PUBLIC"
		if !own && !probe && !everyone {
			list = append(list, a)
		}
		return nil
	})
	return list, err
}

// describe asks for every account. A line that begins with "account" tells which one the following ones are about.
func describe(list []myAccount, maria bool) string {
	var b strings.Builder
	// Hashes may be binary; and a comment of this kind is passed over by MariaDB.
	b.WriteString("/*!80017 SET SESSION print_identified_with_as_hex = ON */;\n")
	for i, a := range list {
		fmt.Fprintf(&b, "SELECT 'account', '%d';\n", i)
		if !a.role {
			fmt.Fprintf(&b, "SHOW CREATE USER %s;\n", a.name())
		}
		fmt.Fprintf(&b, "SHOW GRANTS FOR %s;\n", a.name())
		if !maria {
			fmt.Fprintf(&b, "SELECT 'default', CONCAT_WS('@', QUOTE(DEFAULT_ROLE_USER), QUOTE(DEFAULT_ROLE_HOST)) FROM mysql.default_roles WHERE USER = %s AND HOST = %s;\n", quoteMyText(a.user), quoteMyText(a.host))
		}
	}
	return b.String()
}

// grantable is every table and routine there is. Engines keep rights on what was dropped long ago, and refuse to
// grant them again.
func (s mySession) grantable(ctx context.Context) (map[string]bool, error) {
	things := map[string]bool{}
	query := "SELECT HEX(TABLE_SCHEMA), HEX(TABLE_NAME) FROM information_schema.TABLES;\nSELECT HEX(ROUTINE_SCHEMA), HEX(ROUTINE_NAME) FROM information_schema.ROUTINES;\n"
	return things, s.lines(ctx, query, func(f []string) error {
		v, err := unhex(f)
		if err != nil {
			return err
		}
		things[quoteMyIdent(v[0])+"."+quoteMyIdent(v[1])] = true
		return nil
	})
}

// accountWriter turns what the server shows into statements that can be run again.
type accountWriter struct {
	things               map[string]bool
	create, grants, last strings.Builder
	warnings             []string
}

func (w *accountWriter) line(list []myAccount) func([]string) error {
	var at myAccount
	return func(f []string) error {
		if len(f) == 2 && f[0] == "account" {
			var n int
			if _, err := fmt.Sscan(f[1], &n); err != nil || n >= len(list) {
				return fmt.Errorf("read answer of the server: %.80q", f)
			}
			if at = list[n]; at.role {
				fmt.Fprintf(&w.create, "CREATE ROLE IF NOT EXISTS %s;\n", at.name())
			}
			return nil
		}
		if len(f) == 2 && f[0] == "default" {
			w.last.WriteString(guardAccount(at, "ALTER USER "+at.name()+" DEFAULT ROLE "+unescapeBatch(f[1])))
			return nil
		}
		return w.shown(at, unescapeBatch(strings.Join(f, "\t")))
	}
}

func (w *accountWriter) shown(at myAccount, text string) error {
	if rest, ok := strings.CutPrefix(text, "CREATE USER "); ok {
		rest = withoutDefaultRole(rest)
		w.create.WriteString(guardAccount(at, "CREATE USER IF NOT EXISTS "+rest) + guardAccount(at, "ALTER USER "+spelledOut(rest)))
		return nil
	}
	switch {
	case strings.HasPrefix(text, "GRANT "), strings.HasPrefix(text, "REVOKE "):
		if on := grantedOn(text); on != "" && !w.things[on] {
			w.warnings = append(w.warnings, fmt.Sprintf("a right of %s on %s is not in the backup: there is no such thing any more", at.name(), on))
			return nil
		}
		w.grants.WriteString(guardAccount(at, text))
	case strings.HasPrefix(text, "SET DEFAULT ROLE "):
		w.last.WriteString(guardAccount(at, text))
	default:
		return fmt.Errorf("the server shows a right of %s in a way that is not known: %.40q", at.name(), text)
	}
	return nil
}

// guardAccount runs a statement, unless the account has the name of the one that restores.
func guardAccount(a myAccount, statement string) string {
	if a.role {
		return statement + ";\n"
	}
	return fmt.Sprintf("SET @simpledeploy_do = IF(@simpledeploy_self = '%s', 'DO 0', %s);\nPREPARE simpledeploy FROM @simpledeploy_do;\nEXECUTE simpledeploy;\nDEALLOCATE PREPARE simpledeploy;\n",
		strings.ToUpper(hex.EncodeToString([]byte(a.user))), quoteMyText(statement))
}

// withoutDefaultRole drops what CREATE USER takes but ALTER USER does not; it is set again after the grants.
func withoutDefaultRole(text string) string {
	from := outsideQuotes(text, " DEFAULT ROLE ")
	if from < 0 {
		return text
	}
	to := outsideQuotes(text[from:], " REQUIRE ")
	if to < 0 {
		return text[:from]
	}
	return text[:from] + text[from+to:]
}

// spelledOut adds what the server leaves unsaid because it is the default: ALTER USER keeps what it is not told.
func spelledOut(text string) string {
	tail := len(text)
	for _, option := range []string{" ACCOUNT ", " PASSWORD EXPIRE"} {
		if at := outsideQuotes(text, option); at >= 0 {
			tail = min(tail, at)
		}
	}
	head, tailText := text[:tail], text[tail:]
	limits := outsideQuotes(head, " WITH MAX_")
	if limits < 0 {
		limits = len(head)
		head += " WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0"
	}
	if outsideQuotes(head, " REQUIRE ") < 0 {
		head = head[:limits] + " REQUIRE NONE" + head[limits:]
	}
	if outsideQuotes(tailText, " ACCOUNT ") < 0 {
		tailText += " ACCOUNT UNLOCK"
	}
	if outsideQuotes(tailText, " PASSWORD EXPIRE") < 0 {
		tailText += " PASSWORD EXPIRE DEFAULT"
	}
	return head + tailText
}

// grantedOn is the table or routine that a right is about, quoted; empty for wider ones.
func grantedOn(text string) string {
	at := outsideQuotes(text, " ON ")
	if at < 0 {
		return ""
	}
	rest := text[at+len(" ON "):]
	for _, kind := range []string{"TABLE ", "PROCEDURE ", "FUNCTION ", "PACKAGE BODY ", "PACKAGE "} {
		rest = strings.TrimPrefix(rest, kind)
	}
	database, after, ok := cutBacktick([]byte(rest))
	if !ok || !strings.HasPrefix(string(after), ".`") {
		return ""
	}
	name, _, ok := cutBacktick(after[1:])
	if !ok {
		return ""
	}
	return quoteMyIdent(database) + "." + quoteMyIdent(name)
}

// outsideQuotes is where part begins in text, names and strings passed over.
func outsideQuotes(text, part string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '`', '"':
			quote := text[i]
			for i++; i < len(text) && text[i] != quote; i++ {
				if text[i] == '\\' && quote != '`' {
					i++
				}
			}
		default:
			if strings.HasPrefix(text[i:], part) {
				return i
			}
		}
	}
	return -1
}

// unescapeBatch reads a field as the client writes it with --batch.
func unescapeBatch(field string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(field)
}
