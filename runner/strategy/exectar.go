package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// anyTarProver follows an archive of whatever tar the container has: POSIX, GNU, busybox or an old one. Each header's
// checksum has to fit, each member has to be there in its whole length, and the end mark has to follow; after it
// there is only padding.
type anyTarProver struct {
	err     error
	block   [tarBlock]byte
	filled  int
	records []byte // PAX records being gathered
	want    int    // bytes that records still lacks
	size    int64  // of the next member, if the records told it
	told    bool
	left    int64 // bytes to pass by, padding included
	sparse  bool  // a block of a sparse member's map comes next
	empty   int   // blocks of the end mark
	proof   Proof
}

// Write never fails: what is wrong with the stream is told by Proof.
func (t *anyTarProver) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && t.err == nil {
		p = t.take(p)
	}
	return n, nil
}

func (t *anyTarProver) take(p []byte) []byte {
	switch {
	case t.want > 0:
		n := min(t.want, len(p))
		t.records = append(t.records, p[:n]...)
		if t.want -= n; t.want == 0 {
			t.err = t.extend()
		}
		return p[n:]
	case t.left > 0 && !t.sparse:
		n := min(t.left, int64(len(p)))
		t.left -= n
		return p[n:]
	}
	n := copy(t.block[t.filled:], p)
	if t.filled += n; t.filled == tarBlock {
		t.filled = 0
		if t.sparse {
			t.sparse = t.block[504] != 0
		} else {
			t.err = t.header()
		}
	}
	return p[n:]
}

// extend reads what a member's records say of its size.
func (t *anyTarProver) extend() error {
	records, err := parseTarRecords(t.records)
	if err != nil {
		return fmt.Errorf("member %d: %w", t.proof.Entries+1, err)
	}
	v, ok := records["size"]
	if !ok {
		return nil
	}
	size, err := strconv.ParseUint(v, 10, 62)
	if err != nil {
		return fmt.Errorf("member %d: its size is not a number", t.proof.Entries+1)
	}
	t.size, t.told = int64(size), true
	return nil
}

func (t *anyTarProver) header() error {
	if t.block == [tarBlock]byte{} {
		t.empty++
		return nil
	}
	if t.empty > 0 {
		return errors.New("something follows its end")
	}
	size, err := anyTarHeader(&t.block)
	if err != nil {
		return fmt.Errorf("member %d: %w", t.proof.Entries+1, err)
	}
	kind := t.block[156]
	switch kind {
	case 'x':
		if size == 0 || size > tarMostRecords {
			return fmt.Errorf("member %d: its records are empty or too large", t.proof.Entries+1)
		}
		t.records, t.want, t.left = t.records[:0], int(size), -size&(tarBlock-1)
		return nil
	case 'g', 'L', 'K', 'N', 'V': // told of what follows, and a volume's label
		t.left = padded(size)
		return nil
	case '1', '2', '3', '4', '5', '6': // whatever their size says, nothing follows
		size = 0
	default:
		if t.told {
			size = t.size
		}
		t.sparse = kind == 'S' && t.block[482] != 0
	}
	t.told, t.left = false, padded(size)
	t.proof.Entries++
	t.proof.Bytes += size
	return nil
}

func padded(size int64) int64 { return size + -size&(tarBlock-1) }

// anyTarHeader checks a header of any kind and reads the size in it.
func anyTarHeader(b *[tarBlock]byte) (int64, error) {
	var unsigned, signed int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c)) // as some old ones counted
	}
	told, err := parseTarOctal(b[148:156])
	if err != nil || told != unsigned && told != signed {
		return 0, errors.New("its header's checksum is wrong, or it is no tar archive at all")
	}
	field := b[124:136]
	if field[0]&0x80 == 0 {
		return parseTarOctal(field)
	}
	// GNU's way for what octal digits cannot hold: a number in base 256.
	if field[0] != 0x80 || !bytes.Equal(field[1:4], []byte{0, 0, 0}) || field[4]&0xc0 != 0 {
		return 0, errors.New("its size is beyond all bounds")
	}
	return int64(binary.BigEndian.Uint64(field[4:])), nil
}

// Proof tells what was in the stream, or why it is not a whole archive.
func (t *anyTarProver) Proof() (Proof, error) {
	switch {
	case t.err != nil:
		return Proof{}, fmt.Errorf("archive is broken: %w", t.err)
	case t.empty < 2 && (t.filled > 0 || t.want > 0 || t.left > 0 || t.sparse):
		return Proof{}, fmt.Errorf("archive is cut short in member %d", max(t.proof.Entries, 1))
	case t.empty == 0 && t.proof.Entries == 0:
		return Proof{}, errors.New("it is empty")
	case t.empty < 2:
		return Proof{}, fmt.Errorf("archive is cut short: its end mark is missing after %d members", t.proof.Entries)
	case !bytes.Equal(t.block[:t.filled], make([]byte, t.filled)):
		return Proof{}, errors.New("archive is broken: something follows its end")
	case t.proof.Entries == 0:
		return Proof{}, errors.New("archive is empty: it holds no member")
	}
	p := t.proof
	p.Format = "tar"
	return p, nil
}
