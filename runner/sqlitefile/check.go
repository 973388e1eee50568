package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mostTables bounds the counts that are kept by table.
const mostTables = 10_000

// Counts are what stands in a database: its own tables, not SQLite's, and their rows.
type Counts struct {
	Tables, Rows int64
	ByTable      map[string]int64
	Warnings     []string
}

// check reads a file that nobody else has open, sees that it is sound, and counts what is in it. What needs a function,
// a collation or a tokenizer that only the application has cannot be checked here and is named in the warnings.
func check(ctx context.Context, path string) (c Counts, err error) {
	conn, end, err := connect(ctx, uri(path, slices.Concat([]string{"mode=ro", "immutable=1", "_pragma=cache_size(-16384)", "_pragma=cell_size_check(1)"}, common)...))
	if err != nil {
		return Counts{}, explain("checked", err)
	}
	defer func() { err = errors.Join(err, end()) }()
	tables, err := tablesOf(ctx, conn)
	if err != nil {
		return Counts{}, explain("checked", err)
	}
	c = Counts{Tables: int64(len(tables)), ByTable: map[string]int64{}}
	unknown, err := soundness(ctx, conn, tables)
	if err != nil {
		return Counts{}, err
	}
	for _, t := range tables {
		var n int64
		err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t, '"')+" NOT INDEXED").Scan(&n)
		if codeOf(err) == codeError {
			unknown = append(unknown, t)
			continue
		}
		if err != nil {
			return Counts{}, explain("checked", fmt.Errorf("count table %q: %w", t, err))
		}
		c.Rows += n
		if len(c.ByTable) < mostTables {
			c.ByTable[t] = n
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		c.Warnings = append(c.Warnings, "not all of these tables could be checked or counted, as they use what only the application has: "+named(slices.Compact(unknown)))
	}
	return c, nil
}

func tablesOf(ctx context.Context, conn *sql.Conn) ([]string, error) {
	rows, err := conn.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	return texts(rows)
}

// soundness runs integrity_check, on the whole or else, where something in it is unknown here, table by table.
func soundness(ctx context.Context, conn *sql.Conn, tables []string) (unknown []string, err error) {
	err = integrity(ctx, conn, "PRAGMA integrity_check(5)")
	if codeOf(err) != codeError {
		return nil, err
	}
	for _, t := range tables {
		err := integrity(ctx, conn, "PRAGMA integrity_check("+quote(t, '\'')+")")
		switch {
		case codeOf(err) == codeError:
			unknown = append(unknown, t)
		case err != nil:
			return nil, err
		}
	}
	return unknown, nil
}

func integrity(ctx context.Context, conn *sql.Conn, pragma string) error {
	rows, err := conn.QueryContext(ctx, pragma)
	if err != nil {
		return explain("checked", err)
	}
	said, err := texts(rows)
	if err != nil {
		return explain("checked", err)
	}
	if len(said) == 1 && said[0] == "ok" {
		return nil
	}
	return fmt.Errorf("is damaged, integrity_check says: %s", named(said))
}

// texts reads rows of one text column.
func texts(rows *sql.Rows) (out []string, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

func quote(s string, with rune) string {
	w := string(with)
	return w + strings.ReplaceAll(s, w, w+w) + w
}

// named lists the first few.
func named(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
