package filetree

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// digest sums up members in any order. What goes in must stay as the prover of the tar stream has it: path without
// slashes at its ends, kind, mode, size, and the XXH64 of the stored bytes (of the target for a link).
type digest struct {
	sum            uint64
	entries, bytes int64
	buf            []byte
}

func (d *digest) add(h *header, content uint64) {
	d.buf = append(append(d.buf[:0], h.path...), 0, h.kind)
	d.buf = binary.LittleEndian.AppendUint32(d.buf, h.mode)
	d.buf = binary.LittleEndian.AppendUint64(d.buf, uint64(h.size))
	d.buf = binary.LittleEndian.AppendUint64(d.buf, content)
	d.sum += xxhash.Sum64(d.buf)
	d.entries++
	d.bytes += h.size
}

func (d *digest) String() string { return fmt.Sprintf("%016x", d.sum) }
