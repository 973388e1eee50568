package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// Meter counts and hashes what passes. It never returns an error, so it can stand beside a stream in an
// io.MultiWriter or io.TeeReader.
type Meter struct {
	hash  hash.Hash
	bytes atomic.Int64
}

// NewMeter returns a meter that hashes with h; nil only counts.
func NewMeter(h hash.Hash) *Meter { return &Meter{hash: h} }

// NewXXH64 hashes a raw stream, where only our own slips have to be found: twelve times cheaper than sha256.
func NewXXH64() hash.Hash { return xxhash.New() }

// NewSHA256 hashes the stored bytes, the one place where a stranger could have changed something.
func NewSHA256() hash.Hash { return sha256.New() }

func (m *Meter) Write(p []byte) (int, error) {
	if m.hash != nil {
		_, _ = m.hash.Write(p) // a hash.Hash never returns an error
	}
	m.bytes.Add(int64(len(p)))
	return len(p), nil
}

// Bytes is how much has passed; it may be asked at any time, for progress.
func (m *Meter) Bytes() int64 { return m.bytes.Load() }

// Sum is the hash of what has passed, in hex. It must not be called while something still writes.
func (m *Meter) Sum() string {
	if m.hash == nil {
		return ""
	}
	return hex.EncodeToString(m.hash.Sum(nil))
}
