package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID returns 16 characters, lower-case Crockford base32: 48 bits of milliseconds, then 32 random bits. Ids sort by the
// time at which they were made; they are safe in file names and on case-insensitive stores.
func NewID() string {
	return formatID(uint64(time.Now().UnixMilli()), randomBits())
}

// IDTime is the moment at which an id was made.
func IDTime(id string) (time.Time, error) {
	b, err := base32.NewEncoding(crockford).WithPadding(base32.NoPadding).DecodeString(id)
	if err != nil || len(id) != 16 {
		return time.Time{}, fmt.Errorf("%q is not an id", id)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8]) >> 16)).UTC(), nil
}

// sequence makes ids that never go back, not within a millisecond and not when the clock is set back: a feed keeps the
// order in which it was written.
type sequence struct {
	mu   sync.Mutex
	last uint64
	low  uint32
}

func (s *sequence) next(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := uint64(now.UnixMilli())
	switch {
	case ms > s.last:
		s.last, s.low = ms, randomBits()>>1
	case s.low == 1<<32-1:
		s.last, s.low = s.last+1, 0
	default:
		s.low++
	}
	return formatID(s.last, s.low)
}

func randomBits() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails: the runtime ends the process instead
	return binary.BigEndian.Uint32(b[:])
}

func formatID(ms uint64, low uint32) string {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	binary.BigEndian.PutUint32(b[6:10], low)
	return base32.NewEncoding(crockford).WithPadding(base32.NoPadding).EncodeToString(b[:10])
}
