package frame

import (
	"errors"
	"io"
)

// dataWriter gathers small writes into data frames of dataSize, as a tar header of 512 bytes is not worth a frame.
type dataWriter struct {
	w      io.Writer
	buf    []byte // header and payload
	err    error
	closed bool
}

func newDataWriter(w io.Writer) *dataWriter {
	return &dataWriter{w: w, buf: make([]byte, headerSize, headerSize+dataSize)}
}

func (d *dataWriter) Write(p []byte) (int, error) {
	if d.closed {
		return 0, errors.New("write data frame: the stream has ended")
	}
	total := len(p)
	for len(p) > 0 && d.err == nil {
		n := min(len(p), cap(d.buf)-len(d.buf))
		d.buf = append(d.buf, p[:n]...)
		p = p[n:]
		if len(d.buf) == cap(d.buf) {
			d.flush()
		}
	}
	return total - len(p), d.err
}

func (d *dataWriter) flush() error {
	n := len(d.buf) - headerSize
	if d.err != nil || n == 0 {
		return d.err
	}
	putHeader(d.buf, kindData, n)
	_, d.err = d.w.Write(d.buf)
	d.buf = d.buf[:headerSize]
	return d.err
}

// close flushes what is left; later writes fail.
func (d *dataWriter) close() error {
	d.closed = true
	return d.flush()
}
