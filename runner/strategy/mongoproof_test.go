package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc64"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// mongoWriter writes archives by hand.
type mongoWriter struct{ bytes.Buffer }

// smallArchive announces collections: database, name, kind in turn.
func smallArchive(spaces ...string) *mongoWriter {
	w := &mongoWriter{}
	w.Write(mongoHead("7.0.1"))
	for i := 0; i < len(spaces); i += 3 {
		w.Write(bsonDocument("db", spaces[i], "collection", spaces[i+1], "metadata", `{"indexes":[{"expireAfterSeconds":3}]}`, "size", int32(0), "type", spaces[i+2]))
	}
	w.Write(mongoEnd())
	return w
}

func (w *mongoWriter) block(db, name string, documents ...[]byte) {
	w.Write(bsonDocument("db", db, "collection", name, "EOF", false, "CRC", int64(0)))
	w.Write(slices.Concat(documents...))
	w.Write(mongoEnd())
}

func (w *mongoWriter) end(db, name string, documents ...[]byte) {
	sum := crc64.Checksum(slices.Concat(documents...), crc64.MakeTable(crc64.ECMA))
	w.Write(bsonDocument("db", db, "collection", name, "EOF", true, "CRC", int64(sum)))
	w.Write(mongoEnd())
}

func documents(n int) (out [][]byte) {
	for i := range n {
		out = append(out, bsonDocument("_id", int64(i), "text", strings.Repeat("x", i*37%300), "yes", i%2 == 0))
	}
	return out
}

// everyKind is an archive with all that a server can have.
func everyKind() []byte {
	some := documents(40)
	w := smallArchive("shop", "orders", "collection", "shop", "empty", "collection", "shop", "rich", "view", "shop", "weather", "timeseries",
		"admin", "system.users", "collection", "admin", "own", "", "", "oplog", "")
	w.block("admin", "system.users", some[:2]...)
	w.end("admin", "system.users", some[:2]...)
	w.block("shop", "orders", some[:20]...)
	w.block("shop", "system.buckets.weather", some[:3]...)
	w.block("shop", "orders", some[20:]...)
	w.end("shop", "system.buckets.weather", some[:3]...)
	w.block("shop", "empty")
	w.end("shop", "empty")
	w.end("shop", "rich")
	w.end("shop", "orders", some...)
	w.block("admin", "own", some[0])
	w.end("admin", "own", some[0])
	w.block("", "oplog", some[:5]...)
	w.end("", "oplog", some[:5]...)
	return w.Bytes()
}

func proveArchive(b []byte) (Proof, error) {
	p := newMongoProver()
	_, _ = p.Write(b)
	return p.Proof()
}

func TestMongoArchive_CountsWhateverThePieces(t *testing.T) {
	want := Proof{Format: "mongodump", Tables: 4, Rows: 44, Detail: map[string]int64{"shop.orders": 40, "shop.empty": 0, "shop.weather": 3, "admin.own": 1}}
	for _, size := range []int{1, 2, 3, 5, 7, 64, 1000, 1 << 20} {
		p := newMongoProver()
		for piece := range slices.Chunk(everyKind(), size) {
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

// Nothing marks the end of an archive: a cut between two blocks must be told by what is missing.
func TestMongoArchive_EveryCutAndEveryTurnedBitIsBroken(t *testing.T) {
	whole := everyKind()
	for n := range whole {
		if _, err := proveArchive(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes count as whole", n, len(whole))
		}
	}
	turned, prelude := 0, bytes.Index(whole, mongoEnd())
	for at, b := range whole {
		if at < prelude || b != 'x' { // of a document's text
			continue
		}
		broken := bytes.Clone(whole)
		broken[at] ^= 1 << (at % 8)
		if _, err := proveArchive(broken); err == nil {
			t.Fatalf("a bit turned at %d counts as whole", at)
		}
		turned++
	}
	if turned < 1000 {
		t.Errorf("only %d bits were turned", turned)
	}
}

func TestMongoArchive_BrokenOnesAreBroken(t *testing.T) {
	some := documents(3)
	begin := func() *mongoWriter { return smallArchive("a", "b", "collection", "a", "c", "collection") }
	cases := map[string]func() []byte{
		"another program's": func() []byte { return []byte("-- PostgreSQL database dump\n") },
		"empty":             func() []byte { return nil },
		"a collection that never ends": func() []byte {
			w := begin()
			w.end("a", "b")
			return w.Bytes()
		},
		"a collection that is not announced": func() []byte {
			w := begin()
			w.end("a", "b")
			w.end("a", "c")
			w.end("a", "d")
			return w.Bytes()
		},
		"documents after their end": func() []byte {
			w := begin()
			w.end("a", "b")
			w.end("a", "c")
			w.block("a", "b", some...)
			return w.Bytes()
		},
		"documents in the block of an end": func() []byte {
			w := begin()
			w.end("a", "c")
			w.Write(bsonDocument("db", "a", "collection", "b", "EOF", true, "CRC", int64(0)))
			w.Write(some[0])
			w.Write(mongoEnd())
			return w.Bytes()
		},
		"a checksum of something else": func() []byte {
			w := begin()
			w.block("a", "b", some[:2]...)
			w.end("a", "b", some...)
			w.end("a", "c")
			return w.Bytes()
		},
		"two terminators": func() []byte {
			w := begin()
			w.end("a", "b")
			w.end("a", "c")
			w.Write(mongoEnd())
			return w.Bytes()
		},
		"a collection announced twice": func() []byte {
			w := smallArchive("a", "b", "", "a", "b", "")
			w.end("a", "b")
			return w.Bytes()
		},
		"an absurd length": func() []byte {
			w := begin()
			w.Write(binary.LittleEndian.AppendUint32(nil, 1<<30))
			return w.Bytes()
		},
		"another version of the format": func() []byte {
			return bytes.Replace(smallArchive().Bytes(), []byte("0.1\x00"), []byte("0.2\x00"), 1)
		},
		"no header": func() []byte { return append(mongoHead("")[:4], mongoEnd()...) },
		"a document that does not end like one": func() []byte {
			w := begin()
			bad := bytes.Clone(some[0])
			bad[len(bad)-1] = 7
			w.block("a", "b", bad)
			w.end("a", "b", bad)
			w.end("a", "c")
			return w.Bytes()
		},
	}
	for name, write := range cases {
		if _, err := proveArchive(write()); err == nil {
			t.Errorf("%s counts as whole", name)
		}
	}
}

func TestMongoReader_PassesAWholeArchiveAndNoOther(t *testing.T) {
	whole := everyKind()
	d := newMongoReader(iotest.OneByteReader(bytes.NewReader(whole)))
	if err := d.open(nil); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(&onlyRead{d}, whole); err != nil || !d.complete {
		t.Errorf("complete %t, %v", d.complete, err)
	}
	for _, n := range []int{3, 20, 400, len(whole) / 2, len(whole) - 1} {
		d := newMongoReader(bytes.NewReader(whole[:n]))
		err := d.open(nil)
		if err == nil {
			_, err = new(bytes.Buffer).ReadFrom(d)
		}
		if err == nil || d.complete {
			t.Errorf("the first %d bytes end cleanly", n)
		}
	}
	if err := newMongoReader(bytes.NewReader(whole)).open([]string{"shop"}); err == nil || !strings.Contains(err.Error(), "only shop") {
		t.Errorf("databases that were not asked for: %v", err)
	}
}

// onlyRead hides what else a reader can do.
type onlyRead struct{ r *mongoReader }

func (o *onlyRead) Read(p []byte) (int, error) { return o.r.Read(p) }

func TestMongoLoadLog_TellsRefusalsFromWhatIsThereTwice(t *testing.T) {
	const said = "2026-01-01T00:00:00.000+0000\tcontinuing through error: E11000 duplicate key error collection: a.b index: _id_\n" +
		"2026-01-01T00:00:00.000+0000\tfinished restoring a.b (100 documents, 1 failure)\n" +
		"2026-01-01T00:00:00.000+0000\tfinished restoring a.c (1 document, 0 failures)\n"
	for _, size := range []int{1, 10, 1000} {
		var l mongoLoadLog
		for piece := range slices.Chunk([]byte(said), size) {
			_, _ = l.Write(piece)
		}
		if l.failures != 1 || l.twice["a.b"] != 1 || l.refusal() != "" {
			t.Errorf("%+v", l)
		}
		_, _ = l.Write([]byte("\tfinished restoring a.d (1 document, 1 failure)\n"))
		if l.refusal() != "mongorestore does not say why" {
			t.Errorf("%+v", l)
		}
		_, _ = l.Write([]byte("\tcontinuing through error: Document failed validation\n"))
		if l.refusal() != "Document failed validation" {
			t.Errorf("%+v", l)
		}
	}
}

// The account that restores stays as it is, whether the backup knows it or not.
func TestMongoKeeper_PassesOneAccountAsItIsNow(t *testing.T) {
	user := func(id, password string) []byte { return bsonDocument("_id", id, "password", password) }
	w := smallArchive("admin", "system.users", "collection", "shop", "orders", "collection")
	w.block("admin", "system.users", user("admin.anna", "a"), user("admin.root", "then"), user("shop.root", "b"))
	w.end("admin", "system.users", user("admin.anna", "a"), user("admin.root", "then"), user("shop.root", "b"))
	w.block("shop", "orders", documents(30)...)
	w.end("shop", "orders", documents(30)...)
	for id, users := range map[string]int{"admin.root": 3, "admin.new": 4} {
		own := user(id, "now")
		out, err := io.ReadAll(iotest.OneByteReader(newMongoKeeper(iotest.HalfReader(bytes.NewReader(w.Bytes())), own)))
		if err != nil {
			t.Fatal(err)
		}
		p := newMongoProof()
		_, _ = p.Write(out)
		if proof, err := p.Proof(); err != nil || proof.Rows != 30 {
			t.Errorf("%s: proof %+v, %v", id, proof, err)
		}
		if p.spaces[mongoUsers].docs != int64(users) || bytes.Count(out, own) != 1 || bytes.Contains(out, []byte("then")) != (users == 4) {
			t.Errorf("%s: accounts differ: %q", id, out)
		}
	}
	cause := errors.New("broken")
	if _, err := io.ReadAll(newMongoKeeper(io.MultiReader(bytes.NewReader(w.Bytes()), iotest.ErrReader(cause)), user("a", ""))); !errors.Is(err, cause) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func FuzzMongoArchive(f *testing.F) {
	f.Add(everyKind(), 7)
	f.Add(smallArchive().Bytes(), 1)
	f.Add(mongoHead("4.0"), 3)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		size = max(1, min(size, 4096))
		whole, pieces := newMongoProof(), newMongoProof()
		_, _ = whole.Write(b)
		for piece := range slices.Chunk(b, size) {
			_, _ = pieces.Write(piece)
		}
		want, wantErr := whole.Proof()
		got, gotErr := pieces.Proof()
		if (wantErr == nil) != (gotErr == nil) || !cmp.Equal(want, got) {
			t.Fatalf("as a whole %+v, %v; in pieces of %d %+v, %v", want, wantErr, size, got, gotErr)
		}
		if wantErr == nil {
			return
		}
		if d := newMongoReader(bytes.NewReader(b)); d.open(nil) == nil {
			if _, err := new(bytes.Buffer).ReadFrom(d); err == nil {
				t.Fatal("a broken archive is passed on as a whole one")
			}
		}
	})
}

func BenchmarkMongoProof(b *testing.B) {
	var some [][]byte
	for range 64 {
		some = append(some, documents(100)...)
	}
	w := smallArchive("a", "b", "collection")
	w.block("a", "b", some...)
	w.end("a", "b", some...)
	b.SetBytes(int64(w.Len()))
	for b.Loop() {
		if _, err := proveArchive(w.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
