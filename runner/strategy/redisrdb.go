package strategy

import (
	"encoding/binary"
	"errors"
	"math"
)

// rdbScan follows an RDB file and knows where each part of it ends, in bounded memory: a value of any size is passed
// by, unless somebody asks for its bytes. Work to do lies on a stack, the next thing on top.
type rdbScan struct {
	sink  rdbSink
	stack []rdbOp
	head  []byte // of a number that is not whole yet
	skip  uint64 // raw bytes still to pass by
	crc   uint64
	err   error

	version int
	valkey  bool // written by Valkey 9 or later, whose numbers for newer types are its own
	ending  bool // only the checksum follows
	sealed  bool // the content is summed up
	done    bool // nothing may follow
	kept    [][]byte
	keep    bool // the string that passes by now is kept
	most    int  // bytes of a kept string
	inValue bool
	key     rdbKey

	shapes [256][]rdbOp // of the types seen so far
	around [3]rdbOp     // what comes after a key's name
}

// rdbSink is told what the file holds, in its order. A nil function means that nobody cares.
type rdbSink struct {
	header   func(version int) error
	aux      func(name, value string) error
	library  func(code []byte) error
	database func(n uint64) error
	// A key, then its serialised value in pieces, then its end. name is nil unless value is asked for.
	begin func(key rdbKey, name []byte) error
	value func(piece []byte) error
	end   func() error
}

// rdbKey is what stands before a key.
type rdbKey struct {
	kind   byte
	expiry int64 // unix milliseconds; 0: none
	idle   int64 // seconds since the last use; -1: not told
	freq   int   // how often it is used; -1: not told
}

type rdbKind uint8

const (
	rdbMagic   rdbKind = iota
	rdbTop             // an opcode or a type
	rdbString          // of any encoding
	rdbKeep            // the same, kept
	rdbNumber          // a length-encoded integer
	rdbRaw             // n bytes
	rdbCount           // a number, then body that many times
	rdbRepeat          // body, n times
	rdbText            // a double as text, length first
	rdbLZF             // what follows the mark of a compressed string
	rdbLZFBody         // its second number, then n bytes
	rdbModule          // parts of a module's value until their end
	rdbDo              // do, with no bytes of its own
	rdbByte            // one byte, handed to do
	rdbFixed           // n bytes, at most 8, little-endian, handed to do
	rdbFinal           // n bytes of checksum
)

type rdbOp struct {
	kind rdbKind
	n    uint64
	body []rdbOp
	do   func(value uint64) error
}

// maxKept bounds what is kept of a string that only tells about the file.
const maxKept = 4 << 10

func newRDBScan(sink rdbSink) *rdbScan {
	s := &rdbScan{sink: sink, most: maxKept}
	if sink.value != nil {
		s.most = math.MaxInt
	}
	s.around = [3]rdbOp{{kind: rdbDo, do: s.begin}, {kind: rdbDo, do: s.end}, {kind: rdbTop}}
	s.push(rdbOp{kind: rdbMagic})
	s.nextKey()
	return s
}

// write takes the next bytes. Once it has returned an error it does so for ever.
func (s *rdbScan) write(b []byte) error {
	from := b
	for s.err == nil && (len(b) > 0 || s.wantsNothing()) {
		if s.sink.value == nil {
			if b, s.err = s.fast(b); s.err != nil || len(b) == 0 && !s.wantsNothing() {
				break
			}
		}
		b, s.err = s.step(b)
		if s.ending && !s.sealed { // the checksum itself is not in the sum
			s.sum(from[:len(from)-len(b)])
			s.sealed = true
		}
	}
	if !s.sealed {
		s.sum(from[:len(from)-len(b)])
	}
	return s.err
}

func (s *rdbScan) sum(b []byte) { s.crc = rdbChecksum(s.crc, b) }

// finish says whether the file has come to its proper end.
func (s *rdbScan) finish() error {
	switch {
	case s.err != nil:
		return s.err
	case s.version == 0 && len(s.head) == 0:
		return errors.New("it is empty")
	case !s.done:
		return errors.New("it is cut short")
	}
	return nil
}

func (s *rdbScan) push(ops ...rdbOp) {
	for i := len(ops) - 1; i >= 0; i-- {
		s.stack = append(s.stack, ops[i])
	}
}

// wantsNothing: the next step needs no bytes, so it is made even when none are left.
func (s *rdbScan) wantsNothing() bool {
	if s.skip > 0 || len(s.stack) == 0 {
		return false
	}
	top := s.stack[len(s.stack)-1]
	return top.kind == rdbDo || top.kind == rdbRepeat || top.kind == rdbRaw && top.n == 0
}

func (s *rdbScan) step(b []byte) ([]byte, error) {
	if s.skip > 0 {
		n := min(s.skip, uint64(len(b)))
		s.skip -= n
		return b[n:], s.pass(b[:n])
	}
	if len(s.stack) == 0 {
		return nil, errors.New("there are bytes after its end")
	}
	top := len(s.stack) - 1
	op := s.stack[top]
	switch op.kind {
	case rdbDo:
		s.stack = s.stack[:top]
		return b, op.do(0)
	case rdbRepeat:
		if op.n == 0 {
			s.stack = s.stack[:top]
			return b, nil
		}
		s.stack[top].n--
		s.push(op.body...)
		return b, nil
	case rdbRaw:
		s.stack = s.stack[:top]
		s.skip = op.n
		return b, nil
	default:
	}
	// Everything else begins with a few bytes that have to be seen together.
	for need := s.need(op); len(s.head) < need; need = s.need(op) {
		if len(b) == 0 {
			return b, nil
		}
		n := min(need-len(s.head), len(b))
		s.head, b = append(s.head, b[:n]...), b[n:]
	}
	s.stack = s.stack[:top]
	head := s.head
	if s.keep || s.inValue {
		if err := s.pass(head); err != nil {
			return b, err
		}
	}
	err := s.take(op, head)
	s.head = s.head[:0]
	return b, err
}

// pass shows bytes to whoever asked.
func (s *rdbScan) pass(b []byte) error {
	if s.keep {
		last := len(s.kept) - 1
		s.kept[last] = append(s.kept[last], b[:min(len(b), s.most-len(s.kept[last]))]...)
	}
	if s.inValue && s.sink.value != nil {
		return s.sink.value(b)
	}
	return nil
}

// need is how many bytes of op have to be seen together, as far as the first of them tell.
func (s *rdbScan) need(op rdbOp) int {
	switch op.kind {
	case rdbMagic:
		return 9
	case rdbTop, rdbText, rdbByte:
		return 1
	case rdbFixed, rdbFinal:
		return int(op.n)
	default:
	}
	if len(s.head) == 0 {
		return 1
	}
	switch first := s.head[0]; {
	case first>>6 == 1:
		return 2
	case first == 0x80:
		return 5
	case first == 0x81:
		return 9
	}
	return 1
}

func (s *rdbScan) take(op rdbOp, head []byte) error {
	switch op.kind {
	case rdbMagic:
		return s.magic(string(head))
	case rdbTop:
		return s.opcode(head[0])
	case rdbByte:
		return op.do(uint64(head[0]))
	case rdbFixed:
		var whole [8]byte
		copy(whole[:], head)
		return op.do(binary.LittleEndian.Uint64(whole[:]))
	case rdbFinal:
		return s.checksum(head)
	case rdbText:
		if head[0] < 253 { // the rest are infinities and no number
			s.push(rdbOp{kind: rdbRaw, n: uint64(head[0])})
		}
		return nil
	default: // the rest begin with a number
	}
	n, special, err := rdbDecode(head)
	if err != nil {
		return err
	}
	if op.kind == rdbString || op.kind == rdbKeep {
		return s.text(op.kind, head, n, special)
	}
	if special {
		return errors.New("it has an encoded string where a number belongs")
	}
	switch op.kind {
	case rdbNumber:
		if op.do != nil {
			return op.do(n)
		}
	case rdbCount:
		s.push(rdbOp{kind: rdbRepeat, n: n, body: op.body})
	case rdbLZF:
		s.push(rdbOp{kind: rdbLZFBody, n: n})
	case rdbLZFBody:
		s.push(rdbOp{kind: rdbRaw, n: op.n})
	case rdbModule:
		return s.modulePart(n)
	default:
	}
	return nil
}
