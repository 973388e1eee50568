package transform

import (
	"fmt"
	"io"
)

// The algorithms, by the names that labels and manifests use.
const (
	Zstd = "zstd"
	Gzip = "gzip"
	None = "none"
)

// Compression is one stage and its effort.
type Compression struct {
	Algorithm string // zstd, gzip, none; empty means zstd
	Level     string // zstd: fastest, default, better, best; empty means default
}

// Extension is what the stage adds to a file's name.
func (c Compression) Extension() string {
	switch c.Algorithm {
	case Zstd, "":
		return ".zst"
	case Gzip:
		return ".gz"
	default:
		return ""
	}
}

// NewWriter returns a stage that compresses what is written to it into w, on up to workers cores where the
// format allows it. Close must be called in every case, or goroutines stay; it writes the format's end but does
// not close w. After a dump that failed the caller breaks w first, so that the end does not look clean.
func NewWriter(w io.Writer, c Compression, workers int) (io.WriteCloser, error) {
	switch c.Algorithm {
	case Zstd, "":
		return newZstdWriter(w, c.Level, workers)
	case Gzip:
		return newGzipWriter(w), nil
	case None:
		return nopWriteCloser{w}, nil
	default:
		return nil, fmt.Errorf("compress: unknown algorithm %q: use zstd, gzip or none", c.Algorithm)
	}
}

// NewReader returns the reverse stage. It reads every zstd or gzip stream, also those that stock tools wrote, as
// long as a zstd frame's window is at most 32 MiB. A stream that ends too early is an error that wraps
// io.ErrUnexpectedEOF; only a cut exactly between two frames cannot be seen in the format, which is why restores
// compare sizes and hashes too. Close does not close r and does not wait for a read of r that is under way:
// close r afterwards.
func NewReader(r io.Reader, algorithm string, workers int) (io.ReadCloser, error) {
	switch algorithm {
	case Zstd:
		return newZstdReader(r, workers)
	case Gzip:
		return &gzipReader{src: r}, nil
	case None, "":
		return io.NopCloser(r), nil
	default:
		return nil, fmt.Errorf("decompress: unknown algorithm %q: this version knows zstd, gzip and none", algorithm)
	}
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }
