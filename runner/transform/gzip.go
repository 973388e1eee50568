package transform

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

func newGzipWriter(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

// gzipReader reads the header with the first Read, so that making one never blocks on a pipe nobody feeds yet.
type gzipReader struct {
	src io.Reader
	dec *gzip.Reader
	err error
}

func (g *gzipReader) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if g.dec == nil {
		dec, err := gzip.NewReader(g.src)
		if errors.Is(err, io.EOF) { // not even a header: a whole gzip file is never empty
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			g.err = fmt.Errorf("read gzip header: %w", err)
			return 0, g.err
		}
		g.dec = dec
	}
	n, err := g.dec.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped EOF is not a clean end
		err = fmt.Errorf("read gzip stream: %w", err)
	}
	g.err = err
	return n, err
}

func (g *gzipReader) Close() error {
	if g.err == nil {
		g.err = errClosed
	}
	return nil
}
