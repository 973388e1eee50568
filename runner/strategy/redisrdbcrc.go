package strategy

import (
	"encoding/binary"
	"sync"
)

// rdbPolynomial is that of an RDB file's checksum (Jones), its bits turned round.
const rdbPolynomial = 0x95ac9329ac4bc9b5

// crcStretch is how much of the data one of several sums that are computed side by side goes over.
const crcStretch = 1 << 10

// crcTables hold a step of the checksum for eight bytes at a time, and what moves a sum past a whole stretch.
type crcTables struct{ step, past [8][256]uint64 }

var rdbTables = sync.OnceValue(func() *crcTables {
	t := &crcTables{}
	for i := range t.step[0] {
		sum := uint64(i)
		for range 8 {
			sum = sum>>1 ^ -(sum&1)&rdbPolynomial
		}
		t.step[0][i] = sum
	}
	for k := 1; k < 8; k++ {
		for i, sum := range t.step[k-1] {
			t.step[k][i] = t.step[0][byte(sum)] ^ sum>>8
		}
	}
	var zeros [crcStretch]byte
	for bit := range 64 { // what a sum becomes behind zeros is the sum of what each of its bits becomes
		moved := t.one(1<<bit, zeros[:])
		for i := range 256 {
			if i>>(bit%8)&1 != 0 {
				t.past[bit/8][i] ^= moved
			}
		}
	}
	return t
})

// rdbChecksum goes on with the checksum of an RDB file or of a DUMP payload, which begins at 0. One sum alone waits
// for its own last step most of the time, so three stretches of the data are summed up at once and joined.
func rdbChecksum(sum uint64, p []byte) uint64 {
	t := rdbTables()
	for ; len(p) >= 3*crcStretch; p = p[3*crcStretch:] {
		a, b, c := t.three(sum, (*[3 * crcStretch]byte)(p))
		sum = t.move(t.move(a)^b) ^ c
	}
	return t.one(sum, p)
}

func (t *crcTables) three(a uint64, p *[3 * crcStretch]byte) (_, b, c uint64) {
	for i := 0; i < crcStretch; i += 8 {
		a ^= binary.LittleEndian.Uint64(p[i:])
		b ^= binary.LittleEndian.Uint64(p[i+crcStretch:])
		c ^= binary.LittleEndian.Uint64(p[i+2*crcStretch:])
		a, b, c = fold(&t.step, a), fold(&t.step, b), fold(&t.step, c)
	}
	return a, b, c
}

func (t *crcTables) one(sum uint64, p []byte) uint64 {
	for ; len(p) >= 8; p = p[8:] {
		sum = fold(&t.step, sum^binary.LittleEndian.Uint64(p))
	}
	for _, b := range p {
		sum = t.step[0][byte(sum)^b] ^ sum>>8
	}
	return sum
}

// move gives the sum behind a stretch of zeros.
func (t *crcTables) move(sum uint64) (moved uint64) {
	for i := range t.past {
		moved ^= t.past[i][byte(sum>>(8*i))]
	}
	return moved
}

func fold(step *[8][256]uint64, x uint64) uint64 {
	return step[7][byte(x)] ^ step[6][byte(x>>8)] ^ step[5][byte(x>>16)] ^ step[4][byte(x>>24)] ^
		step[3][byte(x>>32)] ^ step[2][byte(x>>40)] ^ step[1][byte(x>>48)] ^ step[0][x>>56]
}
