package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/simpledeploy/backup/runner/strategy"
)

// proofText is a proof in words; nothing when there is none.
func proofText(raw json.RawMessage) string {
	var proof strategy.Proof
	if len(raw) == 0 || json.Unmarshal(raw, &proof) != nil {
		return ""
	}
	tables, rows, entries := countedBy(proof)
	var parts []string
	if names := databases(raw); len(names) > 0 && int64(len(proof.Detail)) == proof.Tables {
		parts = append(parts, plural(len(names), "database", "databases"))
	}
	for _, part := range []struct {
		n     int64
		what  string
		shown bool // even when there is none of it
	}{{proof.Tables, cmp.Or(tables, "tables"), tables != ""}, {proof.Rows, cmp.Or(rows, "rows"), rows != ""}, {proof.Entries, cmp.Or(entries, "entries"), entries != ""}} {
		if part.n > 0 || part.shown {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if proof.Bytes > 0 {
		parts = append(parts, size(proof.Bytes))
	}
	return strings.TrimSuffix(proof.Format+": "+strings.Join(parts, ", "), ": ")
}

// countedBy is what the proof of a format counts: a dump of nothing is said to hold none of it.
func countedBy(proof strategy.Proof) (tables, rows, entries string) {
	switch proof.Format {
	case "pg_dump", "mysqldump":
		return "tables", "rows", ""
	case "mongodump":
		return "collections", "documents", ""
	case "rdb":
		return "", "", "keys"
	case "tar":
		return "", "", "entries"
	case "sqlite":
		if proof.Counted {
			return "tables", "rows", ""
		}
	}
	return "", "", ""
}
