package strategy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// newExecProver holds a stream against what its extension states: an archive has to be whole to its end mark, packed
// data to the last frame, and what is in it has to be what the rest of the extension states. Of all others only one
// thing is known: nothing is no backup.
func newExecProver(extension string) Prover {
	rest, last := cutExtension(extension)
	switch last {
	case "gz", "gzip":
		return newUnpacked("gzip", newExecProver(rest), unGzip)
	case "tgz":
		return newUnpacked("gzip", newExecProver(".tar"), unGzip)
	case "zst", "zstd":
		return newUnpacked("zstd", newExecProver(rest), unZstd)
	case "tzst":
		return newUnpacked("zstd", newExecProver(".tar"), unZstd)
	case "tar":
		return &anyTarProver{}
	}
	return &someBytes{}
}

func cutExtension(extension string) (rest, last string) {
	at := strings.LastIndexByte(extension, '.')
	if at < 0 {
		return "", extension
	}
	return extension[:at], extension[at+1:]
}

// someBytes proves that there is anything at all. White space alone is nothing.
type someBytes struct {
	n    int64
	seen bool
}

func (s *someBytes) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	for i := 0; i < len(p) && !s.seen; i++ {
		switch p[i] {
		case ' ', '\t', '\n', '\r':
		default:
			s.seen = true
		}
	}
	return len(p), nil
}

func (s *someBytes) Proof() (Proof, error) {
	switch {
	case s.n == 0:
		return Proof{}, errors.New("it is empty")
	case !s.seen:
		return Proof{}, errors.New("it holds nothing but white space")
	}
	return Proof{Format: "bytes", Bytes: s.n}, nil
}

// unpacked undoes a compression beside the stream, and lets another prover look at what comes out.
type unpacked struct {
	format string
	w      *io.PipeWriter
	inner  Prover
	ended  chan error
}

func newUnpacked(format string, inner Prover, undo func(in io.Reader, out io.Writer) error) *unpacked {
	r, w := io.Pipe()
	u := &unpacked{format: format, w: w, inner: inner, ended: make(chan error, 1)}
	ended := u.ended
	go func() {
		err := undo(bufio.NewReaderSize(r, 256<<10), inner)
		r.CloseWithError(errors.New("it is broken")) // whatever else is written is not waited for
		ended <- err
	}()
	// A dump that failed is never asked for its proof.
	runtime.AddCleanup(u, func(w *io.PipeWriter) { _ = w.Close() }, w)
	return u
}

func (u *unpacked) Write(p []byte) (int, error) {
	_, _ = u.w.Write(p) // what is wrong with the stream is told by Proof
	return len(p), nil
}

func (u *unpacked) Proof() (Proof, error) {
	_ = u.w.Close()
	if err := <-u.ended; err != nil {
		return Proof{}, fmt.Errorf("as %s %w", u.format, err)
	}
	p, err := u.inner.Proof()
	if err != nil {
		return Proof{}, fmt.Errorf("in its %s form: %w", u.format, err)
	}
	if p.Format == "bytes" {
		p.Format = u.format
	} else {
		p.Format += " in " + u.format
	}
	return p, nil
}

func unGzip(in io.Reader, out io.Writer) error {
	z, err := gzip.NewReader(in)
	if err == nil {
		_, err = io.Copy(out, z)
	}
	return packedError(err)
}

// mostWindow is what a decoder may be asked to hold. The zstd program itself refuses more unless it is told otherwise.
const mostWindow = 128 << 20

func unZstd(in io.Reader, out io.Writer) error {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(mostWindow))
	if err != nil {
		return packedError(err)
	}
	defer z.Close()
	_, err = io.Copy(out, z)
	return packedError(err)
}

func packedError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut short")
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errors.New("it needs a window of more than 128 MiB, which `zstd -d` refuses too: compress it with a lower --long")
	}
	return fmt.Errorf("it is broken: %w", err)
}
