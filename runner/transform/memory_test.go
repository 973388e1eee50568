package transform_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/simpledeploy/backup/runner/transform"
)

// endless gives the same mixed megabytes again and again.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

// through sends length bytes through both directions and returns the most memory that was in use on the way.
func through(t testing.TB, length int64, workers int) uint64 {
	t.Helper()
	pr, pw := io.Pipe()
	go func() {
		w, err := transform.NewWriter(pw, transform.Compression{Algorithm: "zstd", Level: "fastest"}, workers)
		if err == nil {
			_, err = io.CopyN(w, &endless{data: mixed(3 << 20)}, length)
		}
		if closeErr := w.Close(); err == nil {
			err = closeErr
		}
		pw.CloseWithError(err)
	}()
	r, err := transform.NewReader(pr, "zstd", workers)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var peak uint64
	for total := int64(0); total < length; {
		n, err := io.CopyN(io.Discard, r, min(16<<20, length-total))
		if err != nil {
			t.Fatal(err)
		}
		total += n
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	return peak
}

func TestMemory_DoesNotGrowWithTheStream(t *testing.T) {
	short, long := through(t, 32<<20, 2), through(t, 320<<20, 2)
	if long > short+16<<20 {
		t.Errorf("32 MiB needed %d MiB, 320 MiB needed %d MiB", short>>20, long>>20)
	}
	if long > 96<<20 {
		t.Errorf("both directions together hold %d MiB", long>>20)
	}
	t.Logf("%d and %d MiB in use", short>>20, long>>20)
}

func BenchmarkWriter(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(map[int]string{1: "one-worker", 2: "two-workers"}[workers], func(b *testing.B) {
			data := mixed(32 << 20)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				w, err := transform.NewWriter(io.Discard, transform.Compression{Algorithm: "zstd"}, workers)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(data); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(map[int]string{1: "one-worker", 2: "two-workers"}[workers], func(b *testing.B) {
			data := mixed(32 << 20)
			stored := compress(b, transform.Compression{Algorithm: "zstd"}, 2, data)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r, err := transform.NewReader(&endless{data: stored}, "zstd", workers)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, r, int64(len(data))); err != nil {
					b.Fatal(err)
				}
				_ = r.Close()
			}
		})
	}
}
