package strategy

import (
	"encoding/binary"
	"math"
)

// fast takes what is whole in b and of a kind that is met everywhere: a file is mostly keys of a few bytes, and one
// step for each of their parts would cost more than all the rest of the stream. What is cut by the end of b, rare or
// wrong is left to the steps, which then see it from its first byte. Nobody may have asked for the values' bytes.
func (s *rdbScan) fast(b []byte) ([]byte, error) {
	if s.skip > 0 || s.keep || len(s.head) > 0 || len(s.stack) == 0 {
		return b, nil
	}
	top := &s.stack[len(s.stack)-1]
	switch top.kind {
	case rdbTop:
		return s.fastKeys(b)
	case rdbRepeat:
		for top.n > 0 {
			n := rdbSize(top.body, b)
			if n == 0 {
				break
			}
			b = b[n:]
			top.n--
		}
	default:
	}
	return b, nil
}

// fastKeys takes whole keys, and what stands before them of their use and expiry.
func (s *rdbScan) fastKeys(b []byte) ([]byte, error) {
	for len(b) > 0 {
		code := b[0]
		switch {
		case code == 252 && len(b) >= 9:
			if err := s.expires(binary.LittleEndian.Uint64(b[1:]), 1); err != nil {
				return b, err
			}
			b = b[9:]
			continue
		case code == 249 && len(b) >= 2:
			s.key.freq = int(b[1])
			b = b[2:]
			continue
		case code == 248:
			idle, n := rdbNumberIn(b[1:])
			if n == 0 {
				return b, nil
			}
			s.key.idle = int64(min(idle, math.MaxInt64))
			b = b[1+n:]
			continue
		}
		shape := s.shapes[code]
		name := rdbStringSize(b[1:])
		if shape == nil || name == 0 {
			return b, nil
		}
		value := rdbSize(shape, b[1+name:])
		if value == 0 {
			return b, nil
		}
		s.key.kind = code
		if s.sink.begin != nil {
			if err := s.sink.begin(s.key, nil); err != nil {
				return b, err
			}
		}
		if err := s.end(0); err != nil {
			return b, err
		}
		b = b[1+name+value:]
	}
	return b, nil
}

// rdbSize is how many bytes at the front of b the parts take; 0 when they are not whole in it, or need the steps.
func rdbSize(parts []rdbOp, b []byte) int {
	at := 0
	for i := range parts {
		n := 0
		switch part := &parts[i]; part.kind {
		case rdbString:
			n = rdbStringSize(b[at:])
		case rdbNumber:
			_, n = rdbNumberIn(b[at:])
		case rdbRaw:
			if uint64(len(b)-at) >= part.n {
				n = int(part.n)
			}
		case rdbCount:
			n = rdbCountSize(part.body, b[at:])
		default:
		}
		if n == 0 {
			return 0
		}
		at += n
	}
	return at
}

func rdbCountSize(body []rdbOp, b []byte) int {
	count, at := rdbNumberIn(b)
	if at == 0 {
		return 0
	}
	for range count {
		n := rdbSize(body, b[at:])
		if n == 0 {
			return 0
		}
		at += n
	}
	return at
}

// rdbNumberIn is a number at the front of b and how many bytes it takes; 0 when it is not whole, or no number.
func rdbNumberIn(b []byte) (value uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch first := b[0]; {
	case first < 0x40:
		return uint64(first), 1
	case first < 0x80 && len(b) >= 2:
		return uint64(first&0x3f)<<8 | uint64(b[1]), 2
	case first == 0x80 && len(b) >= 5:
		return uint64(binary.BigEndian.Uint32(b[1:])), 5
	case first == 0x81 && len(b) >= 9:
		return binary.BigEndian.Uint64(b[1:]), 9
	}
	return 0, 0
}

// rdbStringSize is how many bytes a string at the front of b takes; 0 when it is not whole, or of no known encoding.
func rdbStringSize(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	var head int
	var body uint64
	switch first := b[0]; {
	case first < 0xc0:
		body, head = rdbNumberIn(b)
	case first <= 0xc2:
		head, body = 1, 1<<(first-0xc0)
	case first == 0xc3:
		packed, n := rdbNumberIn(b[1:])
		if n == 0 {
			return 0
		}
		_, m := rdbNumberIn(b[1+n:])
		if m == 0 {
			return 0
		}
		head, body = 1+n+m, packed
	}
	if head == 0 || uint64(len(b)-head) < body {
		return 0
	}
	return head + int(body)
}
