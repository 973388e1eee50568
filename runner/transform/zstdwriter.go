package transform

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// frameSize is the raw size of one independent zstd frame: small enough for little memory (1 MiB saves a third
// but costs ratio), large enough that the ratio is that of the library's own stream.
const frameSize = 2 << 20

var errClosed = errors.New("use of a closed stage")

// frame is one piece of the stream on its way through a stage; ready is closed when it has been worked on.
type frame struct {
	in, out []byte
	err     error
	ready   chan struct{}
}

// zstdWriter cuts the stream into independent frames, compresses them side by side and writes them in order. It
// holds workers+2 frames, whatever the length of the stream; they are used again, so nothing is left to collect.
type zstdWriter struct {
	out     io.Writer
	enc     *zstd.Encoder
	free    chan *frame
	order   chan *frame
	written chan struct{}
	current *frame
	frames  int
	closed  bool

	mu  sync.Mutex
	err error // of out; no frame is written after it
}

func newZstdWriter(w io.Writer, level string, workers int) (*zstdWriter, error) {
	effort, err := zstdLevel(level)
	if err != nil {
		return nil, err
	}
	workers = max(workers, 1)
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(effort),
		zstd.WithEncoderConcurrency(workers), // EncodeAll lets so many in at a time
		zstd.WithWindowSize(frameSize),
		zstd.WithZeroFrames(true), // an empty stream is a frame too, not an empty file
		zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	z := &zstdWriter{
		out:     w,
		enc:     enc,
		free:    make(chan *frame, workers+2),
		order:   make(chan *frame, workers+2),
		written: make(chan struct{}),
	}
	for range workers + 2 {
		z.free <- &frame{}
	}
	go z.writeFrames()
	return z, nil
}

func zstdLevel(name string) (zstd.EncoderLevel, error) {
	if name == "" {
		return zstd.SpeedDefault, nil
	}
	ok, level := zstd.EncoderLevelFromString(name)
	if !ok {
		return 0, fmt.Errorf("compress: unknown zstd level %q: use fastest, default, better or best", name)
	}
	return level, nil
}

func (z *zstdWriter) Write(p []byte) (int, error) {
	if z.closed {
		return 0, errClosed
	}
	total := len(p)
	for len(p) > 0 {
		if err := z.failure(); err != nil {
			return total - len(p), err
		}
		if z.current == nil {
			z.current = <-z.free
			if z.current.in == nil {
				z.current.in = make([]byte, 0, frameSize)
			}
			z.current.in = z.current.in[:0]
		}
		n := min(len(p), frameSize-len(z.current.in))
		z.current.in = append(z.current.in, p[:n]...)
		p = p[n:]
		if len(z.current.in) == frameSize {
			z.compress()
		}
	}
	return total, nil
}

// compress hands the current frame on. The order channel has room for every frame there is: it never blocks.
func (z *zstdWriter) compress() {
	f := z.current
	z.current = nil
	z.frames++
	f.ready = make(chan struct{})
	z.order <- f
	go func() {
		defer close(f.ready)
		f.out = z.enc.EncodeAll(f.in, f.out[:0])
	}()
}

func (z *zstdWriter) writeFrames() {
	defer close(z.written)
	for f := range z.order {
		<-f.ready
		if z.failure() == nil {
			if _, err := z.out.Write(f.out); err != nil {
				z.fail(fmt.Errorf("write compressed stream: %w", err))
			}
		}
		z.free <- f // also after a failure, or Write would wait for ever
	}
}

// Close compresses what is left and waits until everything is written.
func (z *zstdWriter) Close() error {
	if z.closed {
		return z.failure()
	}
	z.closed = true
	if z.current == nil && z.frames == 0 {
		z.current = <-z.free
	}
	if z.current != nil {
		z.compress()
	}
	close(z.order)
	<-z.written
	return z.failure()
}

func (z *zstdWriter) fail(err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err = err
}

func (z *zstdWriter) failure() error {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.err
}
