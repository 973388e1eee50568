package frame

import (
	"errors"
	"fmt"
	"io"
)

// dataReader is the content of data frames. It gives io.EOF only after the end frame: an abort or a connection
// that broke is an error, so that nobody takes a short input for a whole one.
type dataReader struct {
	r    io.Reader
	left int // of the current frame
	err  error
	read int64
}

func (d *dataReader) Read(p []byte) (int, error) {
	for d.left == 0 && d.err == nil {
		d.next()
	}
	if d.err != nil || len(p) == 0 {
		return 0, d.err
	}
	n, err := d.r.Read(p[:min(len(p), d.left)])
	d.left -= n
	d.read += int64(n)
	if err != nil && (d.left > 0 || !errors.Is(err, io.EOF)) {
		d.err = fmt.Errorf("read input: the connection broke: %w", noEOF(err))
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

func (d *dataReader) next() {
	kind, n, err := readHeader(d.r)
	switch {
	case err != nil:
		d.err = fmt.Errorf("read input: the connection broke: %w", noEOF(err))
	case kind == kindData:
		d.left = n
	case kind == kindEnd:
		d.err = io.EOF
	case kind == kindAbort:
		reason, err := readPayload(d.r, n)
		if err != nil {
			d.err = fmt.Errorf("read input: the connection broke: %w", err)
			return
		}
		d.err = fmt.Errorf("read input: aborted: %s", reason)
	default:
		d.err = fmt.Errorf("read input: unexpected frame of kind %q", kind)
	}
}

// rest reads to the end and tells how much nobody had read, and how the input ended.
func (d *dataReader) rest() (unread int64, err error) {
	before := d.read
	_, err = io.Copy(io.Discard, d)
	return d.read - before, err
}
