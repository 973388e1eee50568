package strategy

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
)

// One value of a dump may be larger than all memory: it passes by.
func TestProvers_HoldNoValueHoweverLarge(t *testing.T) {
	const size = 64 << 20
	tarHeader := realArchive(t)[:512]
	file := make([]byte, 512)
	copy(file, "x")
	copy(file[100:], "0000644\x00")
	copy(file[124:], fmt.Sprintf("%011o\x00", size))
	copy(file[257:], tarHeader[257:265])
	file[156] = '0'
	sum := 8 * int(' ')
	for _, b := range file {
		sum += int(b)
	}
	copy(file[148:], fmt.Sprintf("%06o\x00 ", sum))
	for name, tt := range map[string]struct {
		prover     func() Prover
		head, tail string
	}{
		"a row": {newPostgresProver, pgHeader + tinyMark + "\n-- mark " + tinyMark + ": database \"d\"\nCREATE DATABASE d;\nCOPY public.t (a) FROM stdin;\n",
			"\n\\.\n" + pgDatabaseEnd + "-- mark " + tinyMark + ": complete, databases: 1\n"},
		"a large object": {newPostgresProver, pgHeader + tinyMark + "\n-- mark " + tinyMark + ": database \"d\"\nCREATE DATABASE d;\nSELECT pg_catalog.lowrite(0, '\\x",
			"');\n" + pgDatabaseEnd + "-- mark " + tinyMark + ": complete, databases: 1\n"},
		"a string of an INSERT": {newMySQLProver, "-- simpledeploy-backup mysql dump, format 1, MySQL, mark " + tinyMark + "\n-- mark " + tinyMark + ": databases [\"d\"]\nCREATE DATABASE `d`;\nUSE `d`;\nCREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES ('",
			"');\n-- Dump completed\n-- mark " + tinyMark + ": complete, databases: 1\n"},
		"a string of an RDB file": {newRedisProver, "REDIS0011\xfe\x00\x00\x01k\x80\x04\x00\x00\x00", "\xff\x00\x00\x00\x00\x00\x00\x00\x00"},
		"a file in a tar archive": {newTarProver, string(file), string(make([]byte, 1024))},
	} {
		t.Run(name, func(t *testing.T) {
			p, piece := tt.prover(), bytes.Repeat([]byte{'0'}, 32<<10)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = p.Write([]byte(tt.head))
			for range size / len(piece) {
				_, _ = p.Write(piece)
			}
			_, _ = p.Write([]byte(tt.tail))
			proof, err := p.Proof()
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > size/16 {
				t.Errorf("%d bytes were allocated for a value of %d (%+v)", took, size, proof)
			}
		})
	}
}
