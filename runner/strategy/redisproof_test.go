package strategy

import (
	"bytes"
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
	return appendLittle(b, ^s.crc)
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
	if ^s.crc != 0xe9c6d914c4b8d9ca { // the check value in the server's own source
		t.Errorf("%#x", ^s.crc)
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
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		p := newRedisProver()
		for piece := range slices.Chunk(b, int(size)+1) {
			_, _ = p.Write(piece)
		}
		_, err := p.Proof()
		whole := newRedisProver()
		_, _ = whole.Write(b)
		if _, again := whole.Proof(); (err == nil) != (again == nil) {
			t.Errorf("in pieces: %v; at once: %v", err, again)
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
