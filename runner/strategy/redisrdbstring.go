package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// text passes a string by; one that is kept is kept as it stands in the file.
func (s *rdbScan) text(kind rdbKind, head []byte, n uint64, special bool) error {
	if kind == rdbKeep {
		s.kept, s.keep = append(s.kept, slices.Clone(head)), true
		s.push(rdbOp{kind: rdbDo, do: func(uint64) error { s.keep = false; return nil }})
	}
	switch {
	case !special:
		s.push(rdbOp{kind: rdbRaw, n: n})
	case n <= 2:
		s.push(rdbOp{kind: rdbRaw, n: 1 << n})
	case n == 3:
		s.push(rdbOp{kind: rdbLZF})
	default:
		return fmt.Errorf("it has a string of an unknown encoding: %d", n)
	}
	return nil
}

func (s *rdbScan) modulePart(n uint64) error {
	again := rdbOp{kind: rdbModule}
	switch n {
	case 0: // its end
	case 1, 2:
		s.push(rdbOp{kind: rdbNumber}, again)
	case 3:
		s.push(rdbOp{kind: rdbRaw, n: 4}, again)
	case 4:
		s.push(rdbOp{kind: rdbRaw, n: 8}, again)
	case 5:
		s.push(rdbOp{kind: rdbString}, again)
	default:
		return fmt.Errorf("it has a module's value with an unknown part: %d", n)
	}
	return nil
}

// rdbDecode decodes a length-encoded integer, or the mark of a specially encoded string.
func rdbDecode(head []byte) (n uint64, special bool, err error) {
	switch first := head[0]; {
	case first>>6 == 0:
		return uint64(first), false, nil
	case first>>6 == 1:
		return uint64(first&0x3f)<<8 | uint64(head[1]), false, nil
	case first == 0x80:
		return uint64(binary.BigEndian.Uint32(head[1:])), false, nil
	case first == 0x81:
		return binary.BigEndian.Uint64(head[1:]), false, nil
	case first>>6 == 3:
		return uint64(first & 0x3f), true, nil
	default:
		return 0, false, fmt.Errorf("it has a length of an unknown kind: %#x", first)
	}
}

// decodeRDBString decodes a whole string as it stands in a file.
func decodeRDBString(b []byte) ([]byte, error) {
	broken := errors.New("it has a string that cannot be decoded")
	n, special, size, err := rdbLead(b)
	if err != nil {
		return nil, err
	}
	rest := b[size:]
	switch {
	case !special:
		if uint64(len(rest)) != n {
			return nil, broken
		}
		return rest, nil
	case n == 0 && len(rest) == 1:
		return strconv.AppendInt(nil, int64(int8(rest[0])), 10), nil
	case n == 1 && len(rest) == 2:
		return strconv.AppendInt(nil, int64(int16(binary.LittleEndian.Uint16(rest))), 10), nil
	case n == 2 && len(rest) == 4:
		return strconv.AppendInt(nil, int64(int32(binary.LittleEndian.Uint32(rest))), 10), nil
	case n != 3:
		return nil, broken
	}
	packed, _, size, err := rdbLead(rest)
	if err != nil {
		return nil, err
	}
	rest = rest[size:]
	long, _, size, err := rdbLead(rest)
	if err != nil {
		return nil, err
	}
	rest = rest[size:]
	if uint64(len(rest)) != packed {
		return nil, broken
	}
	return unLZF(rest, long)
}

// rdbLead is a number at the begin of b and how many bytes it takes.
func rdbLead(b []byte) (n uint64, special bool, size int, err error) {
	s := rdbScan{}
	for size = 1; ; size = s.need(rdbOp{kind: rdbNumber}) {
		if len(b) < size {
			return 0, false, 0, errors.New("it has a number that is cut short")
		}
		if len(s.head) == size {
			n, special, err = rdbDecode(s.head)
			return n, special, size, err
		}
		s.head = b[:size]
	}
}

// unLZF unpacks what LZF packed into exactly size bytes.
func unLZF(in []byte, size uint64) ([]byte, error) {
	broken := errors.New("it has a compressed string that cannot be unpacked")
	if size > uint64(len(in))*300 { // no copy is longer than 264 bytes, and takes 2 at least
		return nil, broken
	}
	out := bytes.NewBuffer(make([]byte, 0, size))
	for at := 0; at < len(in); {
		ctrl := int(in[at])
		at++
		if ctrl < 32 {
			if at+ctrl+1 > len(in) {
				return nil, broken
			}
			out.Write(in[at : at+ctrl+1])
			at += ctrl + 1
			continue
		}
		length := ctrl >> 5
		if length == 7 {
			if at >= len(in) {
				return nil, broken
			}
			length += int(in[at])
			at++
		}
		if at >= len(in) {
			return nil, broken
		}
		from := out.Len() - (ctrl&0x1f)<<8 - int(in[at]) - 1
		at++
		if from < 0 || uint64(out.Len()+length+2) > size {
			return nil, broken
		}
		for i := range length + 2 {
			out.WriteByte(out.Bytes()[from+i])
		}
	}
	if uint64(out.Len()) != size {
		return nil, broken
	}
	return out.Bytes(), nil
}
