package main

import (
	"encoding/json"
	"testing"
)

// A backup of nothing must not look like one that nobody counted.
func TestProofText_SaysWhatABackupHoldsEvenWhenItIsNothing(t *testing.T) {
	for proof, want := range map[string]string{
		`{"format":"pg_dump"}`: "pg_dump: 0 tables, 0 rows",
		`{"format":"pg_dump","tables":3,"rows":6,"detail":{"shop.public.a":1,"shop.public.b":2,"wiki.public.c":3}}`: "pg_dump: 2 databases, 3 tables, 6 rows",
		`{"format":"pg_dump","tables":12,"rows":6,"detail":{"shop.public.a":1}}`:                                    "pg_dump: 12 tables, 6 rows",
		`{"format":"mysqldump","tables":2}`:              "mysqldump: 2 tables, 0 rows",
		`{"format":"mongodump","tables":2,"rows":7}`:     "mongodump: 2 collections, 7 documents",
		`{"format":"rdb"}`:                               "rdb: 0 keys",
		`{"format":"tar","entries":1}`:                   "tar: 1 entries",
		`{"format":"bytes","bytes":2048}`:                "bytes: " + size(2048),
		`{"format":"sqlite","entries":1,"counted":true}`: "sqlite: 0 tables, 0 rows, 1 entries",
		`{"format":"sqlite","entries":1}`:                "sqlite: 1 entries",
		"":                                               "",
		`{`:                                              "",
	} {
		if got := proofText(json.RawMessage(proof)); got != want {
			t.Errorf("%s: %q, want %q", proof, got, want)
		}
	}
}
