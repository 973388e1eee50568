package strategy

import (
	"bytes"
	"hash/crc64"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallRDB is a file written by hand, with what servers write rarely.
func smallRDB() []byte {
	b := []byte("REDIS0011")
	b = append(b, "\xfa\x09redis-ver\x067.0.15\xfa\x04bits\xc0\x40"...)
	b = append(b, "\xf5\x05#!lua"...)                                                                                      // a library of functions
	b = append(b, "\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x05\x02hi\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"...) // a module's part
	b = append(b, "\xfe\x00\xfb\x03\x01"...)
	b = append(b, "\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01k\x01v"...)        // expired long ago
	b = append(b, "\xfd\xff\xff\xff\x7f\xf8\x07\x00\x01n\xc2\x40\x42\x0f\x00"...) // seconds, idle time, a number
	b = append(b, "\xf9\x05\x03\x01z\x02\x01a\x031.5\x01b\xfe"...)                // frequency, old scores, infinity
	b = append(b, "\xfe\x02\x00\xc3\x05\x0c\x00a\xe0\x02\x00\x01w\xff"...)        // a compressed name
	return closed(b)
}

// closed adds the checksum.
func closed(b []byte) []byte {
	s := newRDBScan(rdbSink{})
	s.sum(b)
	return appendLittle(b, s.crc)
}

func appendLittle(b []byte, n uint64) []byte {
	for range 8 {
		b, n = append(b, byte(n)), n>>8
	}
	return b
}

func TestRDB_ChecksumIsTheServers(t *testing.T) {
	s := newRDBScan(rdbSink{})
	s.sum([]byte("123456789"))
	if s.crc != 0xe9c6d914c4b8d9ca { // the check value in the server's own source
		t.Errorf("%#x", s.crc)
	}
}

// The standard library's is the same sum, but slow for a polynomial that it does not know.
func TestRDB_ChecksumOfAnyLength(t *testing.T) {
	data := make([]byte, 5*crcStretch+100)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	table := crc64.MakeTable(rdbPolynomial)
	for _, n := range []int{0, 1, 7, 8, 9, crcStretch, 3*crcStretch - 1, 3 * crcStretch, 3*crcStretch + 1, len(data)} {
		first := rand.IntN(n + 1)
		if got, want := rdbChecksum(rdbChecksum(0, data[:first]), data[first:n]), ^crc64.Update(math.MaxUint64, table, data[:n]); got != want {
			t.Errorf("of %d bytes, %d of them first: %#x, want %#x", n, first, got, want)
		}
	}
}

func TestRDB_TypesOfNewerServers(t *testing.T) {
	stream := "\x01\x10" + strings.Repeat("i", 16) + "\x03lps" + "\x01\x02\x03\x04\x05\x06\x07\x08" + // an entry, and what the stream knows of itself
		"\x01\x01g\x01\x02\x03" + "\x01" + strings.Repeat("p", 24) + "\x04" + // a group with an entry that is pending
		"\x01\x01c" + strings.Repeat("s", 16) + "\x01" + strings.Repeat("p", 16) // a consumer that has it
	idempotent := "\x40\x64\x40\x64\x01\x01p\x02\x02i1\x01\x02\x02i2\x01\x03\x05\x06"
	for name, file := range map[string]string{
		"a hash of Valkey whose fields expire":       "VALKEY080\xfe\x00\x16\x01h\x02\x01f\x01v" + strings.Repeat("\xff", 8) + "\x01g\x01w" + strings.Repeat("\x01", 8),
		"slots that Valkey was moving":               "VALKEY080\xf3\x03job\x02\x01\x02\x03\x04\xfe\x00\x00\x01k\x01v",
		"a stream of Redis that knows its writers":   "REDIS0013\xfe\x00\x1a\x01s" + stream + idempotent,
		"one that knows what was given back as well": "REDIS0013\xfe\x00\x1b\x01s" + stream + "\x01" + strings.Repeat("p", 16) + idempotent,
	} {
		whole := closed([]byte(file + "\xff"))
		for _, size := range []int{1, 5, 1000} {
			p := newRedisProver()
			for piece := range slices.Chunk(whole, size) {
				_, _ = p.Write(piece)
			}
			if got, err := p.Proof(); err != nil || got.Entries != 1 {
				t.Errorf("%s, in pieces of %d: %+v, %v", name, size, got, err)
			}
		}
	}
	p := newRedisProver()
	_, _ = p.Write(closed([]byte("REDIS0013\xfe\x00\xf3\x00\x00\x01k\x01v\xff")))
	if _, err := p.Proof(); err == nil {
		t.Error("what a module says of a key passes, though a restore would lose it")
	}
}

func TestRDB_CountsWhateverThePieces(t *testing.T) {
	want := Proof{Format: "rdb", Entries: 4, Detail: map[string]int64{"db0": 3, "db2": 1, "functions": 1}}
	for _, size := range []int{1, 2, 3, 7, 1000} {
		p := newRedisProver()
		for piece := range slices.Chunk(smallRDB(), size) {
			_, _ = p.Write(piece)
		}
		got, err := p.Proof()
		if err != nil {
			t.Fatalf("in pieces of %d: %v", size, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pieces of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestRDB_BrokenFilesAreBroken(t *testing.T) {
	whole := smallRDB()
	bare := whole[:len(whole)-9]
	cases := map[string][]byte{
		"a type nobody knows":        closed(append(slices.Clone(bare), "\x63\x01k\x01v\xff"...)),
		"a length of no kind":        closed(append(slices.Clone(bare), "\x00\x82k\xff"...)),
		"an encoding nobody knows":   closed(append(slices.Clone(bare), "\x00\xc4k\xff"...)),
		"a number that is a string":  closed(append(slices.Clone(bare), "\xfe\xc0\x01\xff"...)),
		"an end where a key belongs": closed(append(slices.Clone(bare), "\xf8\x01\xff"...)),
		"a module of an old kind":    closed(append(slices.Clone(bare), "\x06\x01k\x01v\xff"...)),
		"a key outside a database":   closed([]byte("REDIS0011\x00\x01k\x01v\xff")),
		"another program's":          []byte("-- PostgreSQL database dump\n"),
		"an old version":             closed([]byte("REDIS0004\xff")),
		"a changed byte":             bytes.Replace(whole, []byte("\x01w"), []byte("\x01x"), 1),
	}
	for name, b := range cases {
		p := newRedisProver()
		_, _ = p.Write(b)
		if _, err := p.Proof(); err == nil {
			t.Errorf("%s counts as whole", name)
		}
	}
	p := newRedisProver()
	_, _ = p.Write(append(whole[:len(whole)-8:len(whole)-8], make([]byte, 8)...))
	if _, err := p.Proof(); err != nil {
		t.Errorf("a server that computes no checksum: %v", err)
	}
}

func TestLZF(t *testing.T) {
	cases := map[string]struct {
		in   string
		size uint64
		want string
	}{
		"literal":           {"\x02abc", 3, "abc"},
		"overlapping copy":  {"\x00a\xe0\x02\x00", 12, strings.Repeat("a", 12)},
		"short copy":        {"\x01ab\x20\x01", 5, "ababa"},
		"before its begin":  {"\x00a\x20\x05", 4, ""},
		"cut literal":       {"\x05ab", 6, ""},
		"cut copy":          {"\x00a\xe0", 12, ""},
		"longer than said":  {"\x02abc", 2, ""},
		"shorter than said": {"\x02abc", 4, ""},
		"absurd size":       {"\x00a", 1 << 60, ""},
	}
	for name, tt := range cases {
		got, err := unLZF([]byte(tt.in), tt.size)
		if (err == nil) != (tt.want != "") || err == nil && string(got) != tt.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A database may be filled where another one belongs; the swaps must sort that out.
func TestRedisSwaps_PutEveryDatabaseInItsPlace(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		n := 1 + random.IntN(8)
		from, to := random.Perm(16)[:n], random.Perm(16)[:n]
		filled, places := map[uint64]uint64{}, [16]int{}
		for i := range n {
			filled[uint64(from[i])] = uint64(to[i])
			places[to[i]] = from[i] + 1
		}
		for _, swap := range redisSwaps(filled) {
			places[swap[0]], places[swap[1]] = places[swap[1]], places[swap[0]]
		}
		for i, content := range places {
			if content != 0 && content != i+1 {
				t.Fatalf("%v: database %d holds what belongs into %d", filled, i, content-1)
			}
		}
	}
}

func FuzzRDB(f *testing.F) {
	f.Add(smallRDB(), uint8(3))
	f.Add([]byte("REDIS0011\xfe\x00\x15\x01s\x01\x10"), uint8(1))
	f.Add(closed([]byte("VALKEY080\xfe\x03\xf8\x40\x99\x16\x01h\x01\x01f\x01v12345678\x02\x01s\x02\xc1\x12\x34\x80\x00\x00\x00\x01b\xff")), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		p := newRedisProver()
		for piece := range slices.Chunk(b, int(size)+1) {
			_, _ = p.Write(piece)
		}
		pieces, err := p.Proof()
		whole := newRedisProver()
		_, _ = whole.Write(b)
		if once, again := whole.Proof(); (err == nil) != (again == nil) || !cmp.Equal(pieces, once) {
			t.Errorf("in pieces: %v %v; at once: %v %v", pieces, err, once, again)
		}
		d := newRedisReader(bytes.NewReader(b))
		d.place = func(n uint64) (uint64, bool, error) { return n, true, nil }
		d.library = func([]byte) error { return nil }
		buf := make([]byte, 512)
		var readErr error
		for readErr == nil {
			_, readErr = d.Read(buf)
		}
	})
}

func BenchmarkRedisProver(b *testing.B) {
	for name, value := range map[string]int{"small keys": 20, "large values": 100_000} {
		b.Run(name, func(b *testing.B) {
			raw := []byte("REDIS0011\xfe\x00")
			for len(raw) < 8<<20 {
				raw = append(append(raw, "\x00\x04key:"...), 0x80, 0, byte(value>>16), byte(value>>8), byte(value))
				raw = append(raw, make([]byte, value)...)
			}
			raw = closed(append(raw, 0xff))
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				p := newRedisProver()
				for piece := range slices.Chunk(raw, 64<<10) {
					_, _ = p.Write(piece)
				}
				if _, err := p.Proof(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
