package transform_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/transform"
)

// mixed is n bytes of which half compress well, the same at every call.
func mixed(n int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, n)
	for at := 0; at < n; at += 4096 {
		part := data[at:min(at+4096, n)]
		if at/4096%2 == 0 {
			_, _ = random.Read(part)
			continue
		}
		for i := range part {
			part[i] = byte('a' + i%17)
		}
	}
	return data
}

func compress(t testing.TB, c transform.Compression, workers int, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := transform.NewWriter(&out, c, workers)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, iotest.OneByteReader(bytes.NewReader(data[:min(len(data), 1000)]))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data[min(len(data), 1000):]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decompress(algorithm string, workers int, stored io.Reader) ([]byte, error) {
	r, err := transform.NewReader(stored, algorithm, workers)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	return raw, errors.Join(err, r.Close())
}

func TestRoundTrip(t *testing.T) {
	sizes := []int{0, 1, 999, 2<<20 - 1, 2 << 20, 2<<20 + 1, 9<<20 + 17}
	stages := []transform.Compression{
		{Algorithm: "zstd", Level: "fastest"}, {Algorithm: "zstd"}, {Algorithm: "zstd", Level: "better"},
		{Algorithm: "zstd", Level: "best"}, {Algorithm: "gzip"}, {Algorithm: "none"},
	}
	for _, c := range stages {
		for _, size := range sizes {
			if c.Level == "best" && size > 2<<20+1 || c.Algorithm == "gzip" && size > 2<<20+1 {
				continue // slow, and says nothing new
			}
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s-%s/%d/%d", c.Algorithm, c.Level, size, workers), func(t *testing.T) {
					data := mixed(size)
					stored := compress(t, c, workers, data)
					got, err := decompress(c.Algorithm, workers, bytes.NewReader(stored))
					if err != nil {
						t.Fatal(err)
					}
					if sha256.Sum256(got) != sha256.Sum256(data) {
						t.Fatalf("%d bytes came back as %d other ones", len(data), len(got))
					}
				})
			}
		}
	}
}

func TestExtension(t *testing.T) {
	got := map[string]string{}
	for _, algorithm := range []string{"zstd", "", "gzip", "none"} {
		got[algorithm] = transform.Compression{Algorithm: algorithm}.Extension()
	}
	if diff := cmp.Diff(map[string]string{"zstd": ".zst", "": ".zst", "gzip": ".gz", "none": ""}, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestUnknownAlgorithmAndLevel_AreRefused(t *testing.T) {
	for _, c := range []transform.Compression{{Algorithm: "lzma"}, {Algorithm: "zstd", Level: "11"}} {
		if _, err := transform.NewWriter(io.Discard, c, 1); err == nil {
			t.Errorf("%v was accepted", c)
		}
	}
	if _, err := transform.NewReader(bytes.NewReader(nil), "lzma", 1); err == nil {
		t.Error("reading lzma was accepted")
	}
}

// What stock tools must read, and what we must read of theirs.
func TestStockTools(t *testing.T) {
	for _, tool := range []string{"zstd", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	data := mixed(5<<20 + 3)
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("stock reads ours", func(t *testing.T) {
		for tool, stored := range map[string][]byte{
			"zstd": compress(t, transform.Compression{Algorithm: "zstd"}, 2, data),
			"gzip": compress(t, transform.Compression{Algorithm: "gzip"}, 1, data),
		} {
			run(t, stored, tool, "-t")
			if got := run(t, stored, tool, "-dc"); !bytes.Equal(got, data) {
				t.Errorf("%s -dc gave %d bytes that differ from the %d written", tool, len(got), len(data))
			}
		}
		empty := compress(t, transform.Compression{Algorithm: "zstd"}, 2, nil)
		if got := run(t, empty, "zstd", "-dc"); len(got) != 0 || len(empty) == 0 {
			t.Errorf("an empty stream: %d stored bytes gave %d", len(empty), len(got))
		}
	})
	theirs := map[string][]string{
		"stream of unknown size":   {"zstd", "-3"},
		"stream on two threads":    {"zstd", "-3", "-T2"},
		"no checksum":              {"zstd", "-3", "--no-check"},
		"level 19":                 {"zstd", "-19"},
		"file of known size":       {"zstd", "-3", "-c", file},
		"single frame, small file": {"zstd", "-1", "--stream-size=5242883"},
		"gzip":                     {"gzip", "-6"},
	}
	for name, command := range theirs {
		t.Run("ours reads "+name, func(t *testing.T) {
			stored := run(t, data, command...)
			got, err := decompress(command[0], 2, bytes.NewReader(stored))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data) {
				t.Fatalf("got %d bytes that differ from the %d", len(got), len(data))
			}
		})
	}
}

func run(t *testing.T, stdin []byte, command ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", command, err, stderr.String())
	}
	return out
}

func TestReader_PassesOverSkippableFramesAndMixedStreams(t *testing.T) {
	data := mixed(3 << 20)
	skippable := []byte{0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'}
	ours := compress(t, transform.Compression{Algorithm: "zstd"}, 2, data)
	got, err := decompress("zstd", 2, iotest.HalfReader(bytes.NewReader(bytes.Join([][]byte{skippable, ours, skippable, ours}, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, append(data, data...)) {
		t.Fatalf("got %d bytes that differ from twice %d", len(got), len(data))
	}
}

// A stream that was cut is never a clean end, wherever it was cut but between two frames.
func TestReader_TruncatedStreamIsUnexpectedEOF(t *testing.T) {
	data := mixed(2<<20 + 50_000)
	stored := map[string][]byte{
		"zstd": compress(t, transform.Compression{Algorithm: "zstd"}, 2, data),
		"gzip": compress(t, transform.Compression{Algorithm: "gzip"}, 1, data),
	}
	if _, err := exec.LookPath("zstd"); err == nil {
		stored["zstd stock"] = run(t, data, "zstd", "-3")
	}
	for name, whole := range stored {
		algorithm := name[:4]
		cuts := []int{0, 1, 3, 5, 12, 18, 1000, len(whole) / 2, len(whole) - 5, len(whole) - 1}
		for _, cut := range cuts {
			_, err := decompress(algorithm, 2, bytes.NewReader(whole[:cut]))
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut after %d of %d bytes: %v, want an unexpected EOF", name, cut, len(whole), err)
			}
			if err == io.ErrUnexpectedEOF { //nolint:errorlint // bare is what some uploaders take for success
				t.Errorf("%s cut after %d bytes: the error is not wrapped", name, cut)
			}
		}
	}
}

func TestReader_FlippedBitIsFound(t *testing.T) {
	data := mixed(2<<20 + 50_000)
	for _, algorithm := range []string{"zstd", "gzip"} {
		whole := compress(t, transform.Compression{Algorithm: algorithm}, 2, data)
		for _, at := range []int{len(whole) / 3, len(whole) / 2, len(whole) - 3} {
			broken := bytes.Clone(whole)
			broken[at] ^= 0x10
			if got, err := decompress(algorithm, 2, bytes.NewReader(broken)); err == nil && !bytes.Equal(got, data) {
				t.Errorf("%s with a flipped bit at %d: no error and other bytes", algorithm, at)
			}
		}
	}
}

func TestReader_GarbageAfterTheEndIsAnError(t *testing.T) {
	for _, algorithm := range []string{"zstd", "gzip"} {
		whole := compress(t, transform.Compression{Algorithm: algorithm}, 2, mixed(1000))
		if _, err := decompress(algorithm, 2, bytes.NewReader(append(whole, "and then some"...))); err == nil {
			t.Errorf("%s: garbage after the end was not noticed", algorithm)
		}
	}
}

func TestReader_PassesOnTheErrorOfItsSource(t *testing.T) {
	cause := errors.New("the line was cut")
	for _, algorithm := range []string{"zstd", "gzip"} {
		whole := compress(t, transform.Compression{Algorithm: algorithm}, 2, mixed(5<<20))
		for _, cut := range []int{0, 10, 1000, len(whole) / 2, len(whole)} {
			source := io.MultiReader(bytes.NewReader(whole[:cut]), iotest.ErrReader(cause))
			if _, err := decompress(algorithm, 2, source); !errors.Is(err, cause) {
				t.Errorf("%s failing after %d bytes: %v", algorithm, cut, err)
			}
		}
	}
}

func TestReader_RefusesWhatAsksForTooMuchMemory(t *testing.T) {
	huge := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00} // a window of 128 MiB
	if _, err := decompress("zstd", 1, bytes.NewReader(huge)); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a window of 128 MiB: %v", err)
	}
	endless := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05} // five bytes stated, then empty blocks without end
	blocks := io.LimitReader(zeros{}, 64<<20)
	if _, err := decompress("zstd", 1, io.MultiReader(bytes.NewReader(endless), blocks)); err == nil {
		t.Error("endless empty blocks were taken for a frame")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReader_ClosedEarlyLetsItsGoroutinesGo(t *testing.T) {
	stored := compress(t, transform.Compression{Algorithm: "zstd"}, 2, mixed(30<<20))
	before := runtime.NumGoroutine()
	for range 10 {
		r, err := transform.NewReader(bytes.NewReader(stored), "zstd", 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Fatalf("read after close: %v", err)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// failing takes n bytes and then none.
type failing struct {
	n   int
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestWriter_PassesOnTheErrorOfItsTarget(t *testing.T) {
	cause := errors.New("disk full")
	for _, algorithm := range []string{"zstd", "gzip", "none"} {
		w, err := transform.NewWriter(&failing{n: 1 << 20, err: cause}, transform.Compression{Algorithm: algorithm}, 2)
		if err != nil {
			t.Fatal(err)
		}
		_, writeErr := io.Copy(w, bytes.NewReader(mixed(40<<20)))
		if err := errors.Join(writeErr, w.Close()); !errors.Is(err, cause) {
			t.Errorf("%s: %v", algorithm, err)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Errorf("%s: a write after the failure was taken", algorithm)
		}
	}
}

func TestMeter(t *testing.T) {
	sum, count := transform.NewMeter(transform.NewSHA256()), transform.NewMeter(nil)
	fast := transform.NewMeter(transform.NewXXH64())
	if _, err := io.Copy(io.MultiWriter(sum, count, fast), bytes.NewReader([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
	got := []string{sum.Sum(), count.Sum(), fast.Sum()}
	want := []string{"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "", "44bc2cf5ad770999"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if sum.Bytes() != 3 || count.Bytes() != 3 {
		t.Errorf("counted %d and %d", sum.Bytes(), count.Bytes())
	}
}
