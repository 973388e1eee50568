package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
)

// SQLite's result codes that tell something about the file. The numbers are part of its interface.
const (
	codeError    = 1
	codePerm     = 3
	codeBusy     = 5
	codeReadOnly = 8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeAuth     = 23
	codeNotADB   = 26
)

// codeOf is the primary result code behind an error; 0: it is not SQLite's.
func codeOf(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// common are the settings of every connection. What a file's schema says is not trusted: it may come from anyone.
var common = []string{"_pragma=trusted_schema(0)", "_pragma=query_only(1)", "_pragma=temp_store(2)", "_defensive=1"}

func uri(path string, params ...string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(params, "&")
}

// connect opens one connection; close ends it.
func connect(ctx context.Context, uri string) (conn *sql.Conn, end func() error, err error) {
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	if conn, err = db.Conn(ctx); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return conn, func() error { return errors.Join(conn.Close(), db.Close()) }, nil
}

// explain says what SQLite's error means for the owner of a database, to follow the database's name.
func explain(doing string, err error) error {
	switch codeOf(err) {
	case codeBusy:
		return fmt.Errorf("is locked: another process has held it exclusively for %s; end its long transaction or its exclusive locking mode, or set the label quiesce=stop: %w", patience, err)
	case codeCorrupt:
		return fmt.Errorf("is damaged: %w", err)
	case codeNotADB:
		return fmt.Errorf("is damaged or encrypted: %w", err)
	case codeCantOpen, codePerm, codeAuth, codeReadOnly:
		return fmt.Errorf("cannot be opened: its owner, or its folder's rights, or a read-only mount do not let SQLite work on it: %w", err)
	case codeFull:
		return fmt.Errorf("has no room for its copy: %w", err)
	default:
		return fmt.Errorf("cannot be %s: %w", doing, err)
	}
}
