package strategy

import (
	"archive/tar"
	"bytes"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func proveAs(t testing.TB, extension string, raw []byte) (Proof, error) {
	t.Helper()
	p := newExecProver(extension)
	for piece := range slices.Chunk(raw, 777) {
		if _, err := p.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	return p.Proof()
}

func gzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(raw)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(raw)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tarred is an archive of every kind of member that the format can hold.
func tarred(t testing.TB, format tar.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	long := strings.Repeat("a-long-name/", 12) + "file"
	if format == tar.FormatUSTAR {
		long = "short/file"
	}
	for _, m := range []struct {
		header  tar.Header
		content string
	}{
		{tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755}, ""},
		{tar.Header{Typeflag: tar.TypeReg, Name: "d/empty", Mode: 0o644}, ""},
		{tar.Header{Typeflag: tar.TypeReg, Name: long, Mode: 0o644}, strings.Repeat("content ", 300)},
		{tar.Header{Typeflag: tar.TypeReg, Name: "block", Mode: 0o644}, strings.Repeat("x", 512)},
		{tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: long}, ""},
		{tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "block"}, ""},
		{tar.Header{Typeflag: tar.TypeFifo, Name: "fifo"}, ""},
	} {
		m.header.Format, m.header.Size = format, int64(len(m.content))
		if err := w.WriteHeader(&m.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExecProver_TakesWhatIsWholeAndNoPrefixOfIt(t *testing.T) {
	archive, text := tarred(t, tar.FormatPAX), bytes.Repeat([]byte("some text, "), 999)
	for _, c := range []struct {
		name, extension, format string
		raw                     []byte
		entries, bytes          int64
	}{
		{"pax archive", ".tar", "tar", archive, 7, 2912},
		{"gnu archive", ".tar", "tar", tarred(t, tar.FormatGNU), 7, 2912},
		{"old archive", ".tar", "tar", tarred(t, tar.FormatUSTAR), 7, 2912},
		{"gzip", ".sql.gz", "gzip", gzipped(t, text), 0, int64(len(text))},
		{"zstd", ".sql.zst", "zstd", zstded(t, text), 0, int64(len(text))},
		{"packed archive", ".tar.gz", "tar in gzip", gzipped(t, archive), 7, 2912},
		{"the same", ".tgz", "tar in gzip", gzipped(t, archive), 7, 2912},
		{"archive in zstd", ".tar.zst", "tar in zstd", zstded(t, archive), 7, 2912},
	} {
		t.Run(c.name, func(t *testing.T) {
			proof, err := proveAs(t, c.extension, c.raw)
			if err != nil || proof.Format != c.format || proof.Entries != c.entries || proof.Bytes != c.bytes {
				t.Errorf("proof %+v, error %v", proof, err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				n := random.IntN(len(c.raw))
				if _, err := proveAs(t, c.extension, c.raw[:n]); err == nil {
					t.Errorf("the first %d of %d bytes count as whole", n, len(c.raw))
				}
			}
			if _, err := proveAs(t, c.extension, append(bytes.Clone(c.raw), "trailing garbage"...)); err == nil {
				t.Error("something after the end is not seen")
			}
		})
	}
}

func TestExecProver_RefusesWhatIsNotWhatItsExtensionStates(t *testing.T) {
	archive := tarred(t, tar.FormatGNU)
	empty := make([]byte, 10240)
	broken := bytes.Clone(archive)
	broken[600] ^= 1 // in the second header
	for _, c := range []struct {
		name, extension string
		raw             []byte
		want            string
	}{
		{"nothing", ".dump", nil, "it is empty"},
		{"nothing as an archive", ".tar", nil, "it is empty"},
		{"nothing as gzip", ".gz", nil, "it is empty"},
		{"nothing as zstd", ".zst", nil, "it is empty"},
		{"nothing but line ends", ".sql", []byte("\n\r\n"), "white space"},
		{"nothing, packed", ".sql.gz", gzipped(t, nil), "in its gzip form: it is empty"},
		{"nothing, packed by zstd", ".sql.zst", zstded(t, nil), "it is empty"},
		{"archive without members", ".tar", empty, "holds no member"},
		{"archive that was cut and packed", ".tar.gz", gzipped(t, archive[:2000]), "cut short"},
		{"archive that was cut and packed by zstd", ".tar.zst", zstded(t, archive[:2000]), "cut short"},
		{"text as an archive", ".tar", bytes.Repeat([]byte("no archive"), 200), "no tar archive at all"},
		{"text as gzip", ".gz", []byte("-- a dump that nobody packed"), "it is broken"},
		{"archive with a broken header", ".tar", broken, "checksum"},
		{"two archives", ".tar", append(bytes.Clone(archive), archive...), "follows its end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if proof, err := proveAs(t, c.extension, c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("proof %+v, error %v, want %q", proof, err, c.want)
			}
		})
	}
	padded := append(bytes.Clone(archive), make([]byte, 10240)...)
	if proof, err := proveAs(t, ".tar", padded); err != nil || proof.Entries != 7 {
		t.Errorf("padding after the end: %+v, %v", proof, err)
	}
	if proof, err := proveAs(t, ".dump", []byte("x")); err != nil || proof.Bytes != 1 || proof.Format != "bytes" {
		t.Errorf("one byte: %+v, %v", proof, err)
	}
}

// A member's size may stand in the records before it, or in base 256.
func TestExecProver_LargeMembers(t *testing.T) {
	for _, format := range []tar.Format{tar.FormatPAX, tar.FormatGNU} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "large", Size: 9 << 30, Format: format}); err != nil {
			t.Fatal(err)
		}
		p := &anyTarProver{}
		_, _ = p.Write(b.Bytes())
		piece := make([]byte, 1<<20)
		for range 9 << 10 {
			_, _ = p.Write(piece)
		}
		if _, err := p.Proof(); err == nil {
			t.Errorf("%s: an archive without an end mark is whole", format)
		}
		_, _ = p.Write(make([]byte, 1024))
		if proof, err := p.Proof(); err != nil || proof.Bytes != 9<<30 || proof.Entries != 1 {
			t.Errorf("%s: proof %+v, error %v", format, proof, err)
		}
	}
}

// A prover of a dump that failed is dropped without being asked.
func TestExecProver_ForgottenOnesLeaveNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		_, _ = newExecProver(".gz").Write([]byte{0x1f, 0x8b})
	}
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before {
		runtime.GC()
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d goroutines are left, %d were there before", runtime.NumGoroutine(), before)
		}
	}
}

func FuzzExecProver(f *testing.F) {
	f.Add(tarred(f, tar.FormatPAX), uint8(3))
	f.Add(tarred(f, tar.FormatGNU), uint8(200))
	f.Add(gzipped(f, []byte("text")), uint8(7))
	f.Add(zstded(f, []byte("text")), uint8(7))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		for _, extension := range []string{".tar", ".gz", ".tar.zst", ".dump"} {
			pieces, whole := newExecProver(extension), newExecProver(extension)
			for piece := range slices.Chunk(raw, int(size)+1) {
				_, _ = pieces.Write(piece)
			}
			_, _ = whole.Write(raw)
			one, errOne := pieces.Proof()
			other, errOther := whole.Proof()
			if (errOne == nil) != (errOther == nil) || one.Bytes != other.Bytes || one.Entries != other.Entries {
				t.Errorf("%s: in pieces %+v %v; at once %+v %v", extension, one, errOne, other, errOther)
			}
			if errOne == nil && one.Bytes == 0 && one.Entries == 0 {
				t.Errorf("%s: nothing counts as whole", extension)
			}
		}
	})
}

func BenchmarkExecProver(b *testing.B) {
	random := rand.NewChaCha8([32]byte{})
	raw := make([]byte, 8<<20)
	_, _ = random.Read(raw[:4<<20])
	for extension, stream := range map[string][]byte{".dump": raw, ".gz": gzipped(b, raw), ".zst": zstded(b, raw)} {
		b.Run(extension, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				if _, err := proveAs(b, extension, stream); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestHasPipe(t *testing.T) {
	for command, want := range map[string]bool{
		"pg_dump shop | gzip": true, "a|b": true, "a |& b": true, "x=$(a | b)": true, `echo "$(a | b)"`: true, "echo `a | b`": true,
		"a || b | c": true, "(a; b) | c": true, "a \\\n| b": true, "true # it's\na | b": true, "a'|'|b": true,
		"pg_dump shop": false, "a || b": false, "echo 'a | b'": false, `echo "a | b"`: false, `echo a \| b`: false, "a >| b": false,
		"a # | b": false, "set -o pipefail; a | b": false, "bash -o pipefail -c 'a | b'": false, "": false, `echo "\"|"`: false,
		"echo $#; echo 'x' '|'": false, `unclosed "quote | x`: false, "unclosed 'quote | x": false, `ends in \`: false, "a#b | c": true,
	} {
		if got := hasPipe(command); got != want {
			t.Errorf("%q: a pipe is seen: %t, want %t", command, got, want)
		}
	}
}
