package frame

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the protocol's number; both ends must have the same.
const Version = 1

const (
	kindHello   = 'H'
	kindRequest = 'Q'
	kindData    = 'D'
	kindEnd     = 'E'
	kindAbort   = 'A'
	kindTrailer = 'T'
)

const (
	headerSize = 5
	// dataSize is the largest payload of a data frame.
	dataSize = 256 << 10
	// controlSize bounds every other payload, so that a stranger's stream cannot fill the memory.
	controlSize = 8 << 20
)

// ErrNoTrailer tells that the helper's stream ended before its trailer: nothing that came before it counts.
var ErrNoTrailer = errors.New("the helper's stream ended without a trailer")

var errProtocol = errors.New("read frame: the other side does not speak this protocol")

// Request is one operation on some roots.
type Request struct {
	Op    string          `json:"op"`
	Args  json.RawMessage `json:"args,omitempty"`
	Roots []Root          `json:"roots,omitempty"`
	Work  string          `json:"work,omitempty"` // an empty folder for copies, where the operation has one

	// Ready, when set, is called by Call once the helper has said hello.
	Ready func() `json:"-"`
}

// Root is one path of the container and where the helper finds it.
type Root struct {
	Path     string `json:"path"`  // in the container
	Mount    string `json:"mount"` // the mount that holds it, in the helper: "/src/0"
	Sub      string `json:"sub"`   // the path below the mount; "" is the mount's own root
	ReadOnly bool   `json:"read_only,omitempty"`
}

type hello struct {
	Protocol int `json:"protocol"`
}

type trailer struct {
	OK    bool            `json:"ok"`
	Error string          `json:"error,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}

// writeFrame sends one frame with one Write.
func writeFrame(w io.Writer, kind byte, payload []byte) error {
	b := make([]byte, headerSize+len(payload))
	putHeader(b, kind, len(payload))
	copy(b[headerSize:], payload)
	_, err := w.Write(b)
	return err
}

func writeJSON(w io.Writer, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	if len(b) > controlSize {
		return fmt.Errorf("encode frame: %d bytes are more than the %d that a frame may have", len(b), controlSize)
	}
	return writeFrame(w, kind, b)
}

func putHeader(b []byte, kind byte, n int) {
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:headerSize], uint32(n))
}

// readHeader returns io.EOF only when the stream ended between two frames.
func readHeader(r io.Reader) (kind byte, n int, err error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, err
	}
	kind, n = h[0], int(binary.BigEndian.Uint32(h[1:]))
	limit := controlSize
	switch kind {
	case kindData:
		limit = dataSize
	case kindHello, kindRequest, kindTrailer, kindAbort:
	case kindEnd:
		limit = 0
	default:
		return 0, 0, fmt.Errorf("%w: unknown kind %#x", errProtocol, kind)
	}
	if n > limit {
		return 0, 0, fmt.Errorf("%w: %d bytes in a frame of kind %q, at most %d are allowed", errProtocol, n, kind, limit)
	}
	return kind, n, nil
}

func readPayload(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, noEOF(err)
	}
	return b, nil
}

// noEOF keeps a stream that ended inside a frame from looking like a clean end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
