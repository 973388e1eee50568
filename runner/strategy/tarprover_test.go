package strategy

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func realArchive(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/volume.tar")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func prove(data []byte, chunk int) (Proof, error) {
	p := newTarProver()
	for len(data) > 0 {
		n := min(chunk, len(data))
		_, _ = p.Write(data[:n])
		data = data[n:]
	}
	return p.Proof()
}

func TestTarProver_CountsARealArchive(t *testing.T) {
	data := realArchive(t)
	digest, err := os.ReadFile("testdata/volume.tar.digest")
	if err != nil {
		t.Fatal(err)
	}
	want := Proof{Format: "tar", Digest: strings.TrimSpace(string(digest)), Detail: map[string]int64{}}
	r := tar.NewReader(bytes.NewReader(data)) // an independent count
	names := map[byte]string{tar.TypeReg: "files", tar.TypeLink: "hard links", tar.TypeSymlink: "symbolic links", tar.TypeChar: "devices", tar.TypeBlock: "devices", tar.TypeDir: "folders", tar.TypeFifo: "fifos"}
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want.Entries++
		want.Bytes += h.Size
		want.Detail[names[h.Typeflag]]++
	}
	for _, chunk := range []int{1, 511, 512, 513, 1 << 20} {
		got, err := prove(data, chunk)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("written %d bytes at a time (-want +got):\n%s", chunk, d)
		}
	}
}

func TestTarProver_EveryTruncationIsBroken(t *testing.T) {
	data := realArchive(t)
	offsets := []int{0, 1, 511, 512, 1024, len(data) - 1, len(data) - 511, len(data) - 512, len(data) - 513, len(data) - 1024, len(data) - 1536}
	r := rand.New(rand.NewPCG(3, 7))
	for range 200 {
		offsets = append(offsets, r.IntN(len(data)))
	}
	for _, n := range offsets {
		if p, err := prove(data[:n], 64<<10); err == nil {
			t.Errorf("cut at %d of %d: taken for whole: %+v", n, len(data), p)
		}
	}
}

func TestTarProver_DigestDoesNotDependOnOrderButOnEverythingElse(t *testing.T) {
	type member struct {
		tar.Header
		body string
	}
	a := member{tar.Header{Name: "d/a", Mode: 0o644, Typeflag: tar.TypeReg}, "one"}
	b := member{tar.Header{Name: "d/b", Mode: 0o600, Typeflag: tar.TypeReg}, "two"}
	l := member{tar.Header{Name: "d/l", Mode: 0o777, Typeflag: tar.TypeSymlink, Linkname: "a"}, ""}
	digest := func(members ...member) string {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for _, m := range members {
			m.Size, m.Format, m.ModTime = int64(len(m.body)), tar.FormatPAX, time.Unix(1, 5)
			if err := w.WriteHeader(&m.Header); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, m.body)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		p, err := prove(buf.Bytes(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest
	}
	base := digest(a, b, l)
	if digest(l, b, a) != base {
		t.Error("the digest depends on the order")
	}
	change := func(m member, f func(*member)) member { f(&m); return m }
	for name, other := range map[string]string{
		"missing": digest(a, b), "doubled": digest(a, b, l, l),
		"content": digest(change(a, func(m *member) { m.body = "onf" }), b, l),
		"mode":    digest(change(a, func(m *member) { m.Mode = 0o600 }), b, l),
		"name":    digest(change(a, func(m *member) { m.Name = "d/c" }), b, l),
		"target":  digest(a, b, change(l, func(m *member) { m.Linkname = "b" })),
		"swapped": digest(change(a, func(m *member) { m.body = "two" }), change(b, func(m *member) { m.body = "one" }), l),
	} {
		if other == base {
			t.Errorf("%s: the digest does not tell", name)
		}
	}
}

func TestTarProver_RefusesWhatIsNoWholeArchive(t *testing.T) {
	data := realArchive(t)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, "cut short"},
		"only an end":       {make([]byte, 1024), "empty"},
		"text":              {bytes.Repeat([]byte("tar: not found\n"), 100), "checksum"},
		"twice":             {append(bytes.Clone(data), data...), "follows its end"},
		"rubbish behind":    {append(bytes.Clone(data), "x"...), "cut short"},
		"flipped in header": {flip(data, 3), "checksum"},
	} {
		_, err := prove(c.data, 4096)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flip(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

func FuzzTarProver(f *testing.F) {
	data := realArchive(f)
	f.Add(data[:4096], 7)
	f.Add(append(bytes.Clone(data[:1536]), make([]byte, 1024)...), 512)
	f.Add([]byte{}, 1)
	f.Fuzz(func(t *testing.T, data []byte, chunk int) {
		chunk = max(1, chunk%8192)
		got, err := prove(data, chunk)
		again, againErr := prove(data, 1<<20)
		if (err == nil) != (againErr == nil) || !cmp.Equal(got, again) {
			t.Fatalf("chunks of %d: %v %v, at once: %v %v", chunk, got, err, again, againErr)
		}
		if err != nil {
			return
		}
		for _, cut := range []int{1, 512, 1024} { // zeros alone may follow an end
			if len(bytes.TrimRight(data, "\x00")) > len(data)-cut {
				if _, err := prove(data[:len(data)-cut], 4096); err == nil {
					t.Fatalf("whole with and without its last %d bytes", cut)
				}
			}
		}
	})
}
