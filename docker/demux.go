package docker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// demux takes the engine's stream of stdout and stderr apart. Unlike the client's own, it tells a stream that was
// cut inside a frame from one that ended.
func demux(stdout, stderr io.Writer, r io.Reader) error {
	var header [8]byte
	buf := make([]byte, 32<<10)
	for {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			if err == io.EOF {
				return nil
			}
			return cut(err)
		}
		w := stdout
		switch header[0] {
		case 1:
		case 2:
			w = stderr
		default:
			return fmt.Errorf("read from the engine: unexpected stream %d", header[0])
		}
		left := int64(binary.BigEndian.Uint32(header[4:]))
		for left > 0 {
			n, err := io.ReadFull(r, buf[:min(left, int64(len(buf)))])
			if err != nil {
				return cut(err)
			}
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("write output: %w", err)
			}
			left -= int64(n)
		}
	}
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read from the engine: the connection broke: %w", err)
}
