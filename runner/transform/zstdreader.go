package transform

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdReader decodes independent frames side by side and hands them out in order. A frame that is too large for
// that, or does not state its size (what stock zstd writes from a pipe), is decoded as a stream, in pieces of the
// same size. It holds workers+2 pieces, whatever the length of the stream.
type zstdReader struct {
	src     *bufio.Reader
	dec     *zstd.Decoder
	free    chan *frame
	order   chan *frame
	closed  chan struct{}
	once    sync.Once
	current *frame
	rest    []byte
	err     error
}

func newZstdReader(r io.Reader, workers int) (*zstdReader, error) {
	workers = max(workers, 1)
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(workers), // DecodeAll lets so many in at a time
		zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(maxParallel))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	z := &zstdReader{
		src:    bufio.NewReaderSize(r, 256<<10),
		dec:    dec,
		free:   make(chan *frame, workers+2),
		order:  make(chan *frame, workers+3), // every piece, and the end
		closed: make(chan struct{}),
	}
	for range workers + 2 {
		z.free <- &frame{}
	}
	go z.split()
	return z, nil
}

// split reads frame after frame and has them decoded. The last item in order carries the error or io.EOF.
func (z *zstdReader) split() {
	defer close(z.order)
	for n := 1; ; n++ {
		err := z.nextFrame(n)
		if err == nil {
			continue
		}
		if err != io.EOF { //nolint:errorlint // only a bare EOF is a clean end
			err = fmt.Errorf("read zstd frame %d: %w", n, err)
		}
		z.order <- &frame{err: err, ready: closedChan()} // never blocks: order has room for it
		return
	}
}

func (z *zstdReader) nextFrame(n int) error {
	h, err := peekHeader(z.src)
	if errors.Is(err, io.EOF) && n == 1 {
		return io.ErrUnexpectedEOF // a whole zstd file is never empty
	}
	if err != nil {
		return err
	}
	if h.Skippable {
		return skipFrame(z.src, h)
	}
	if err := checkHeader(h); err != nil {
		return err
	}
	stored := newFrameBytes(z.src, h)
	if h.HasFCS && h.FrameContentSize <= maxParallel {
		return z.decodeWhole(stored, h, n)
	}
	return z.decodeStream(stored)
}

func (z *zstdReader) decodeWhole(stored *frameBytes, h zstd.Header, n int) error {
	f, err := z.take()
	if err != nil {
		return err
	}
	if f.in, err = stored.readWhole(f.in[:0]); err != nil {
		return err
	}
	if uint64(cap(f.out)) < h.FrameContentSize {
		f.out = make([]byte, 0, h.FrameContentSize)
	}
	z.order <- f
	go func() {
		defer close(f.ready)
		if f.out, f.err = z.dec.DecodeAll(f.in, f.out[:0]); f.err != nil {
			f.err = fmt.Errorf("decode zstd frame %d: %w", n, f.err)
		}
	}()
	return nil
}

func (z *zstdReader) decodeStream(stored *frameBytes) error {
	dec, err := zstd.NewReader(stored,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer dec.Close()
	for {
		f, err := z.take()
		if err != nil {
			return err
		}
		if cap(f.out) < frameSize {
			f.out = make([]byte, 0, frameSize)
		}
		n, err := readFull(dec, f.out[:frameSize])
		f.out = f.out[:n]
		close(f.ready)
		z.order <- f
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readFull fills p and keeps apart what io.ReadFull makes the same: a clean end after a few bytes (io.EOF), and
// an end that came too early (io.ErrUnexpectedEOF).
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// take waits for a piece that is free again.
func (z *zstdReader) take() (*frame, error) {
	select {
	case <-z.closed:
		return nil, errClosed
	case f := <-z.free:
		f.ready, f.err = make(chan struct{}), nil
		return f, nil
	}
}

func (z *zstdReader) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		if z.current != nil {
			z.free <- z.current
			z.current = nil
		}
		f, ok := <-z.order
		if !ok {
			z.err = errClosed
			continue
		}
		<-f.ready
		if f.err != nil {
			z.err = f.err
			continue
		}
		z.current, z.rest = f, f.out
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// Close ends the work; like Read it belongs to the goroutine that reads.
func (z *zstdReader) Close() error {
	z.once.Do(func() { close(z.closed) })
	if z.err == nil {
		z.err = errClosed
	}
	z.rest = nil
	return nil
}

func closedChan() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
