package strategy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// rdbShape is how a value of a type is laid out; nil: a type that nobody knows. Since they parted, Redis and Valkey
// give the same numbers to different types.
func rdbShape(kind byte, valkey bool) []rdbOp {
	text, number := rdbOp{kind: rdbString}, rdbOp{kind: rdbNumber}
	eight := rdbOp{kind: rdbRaw, n: 8}
	count := func(body ...rdbOp) rdbOp { return rdbOp{kind: rdbCount, body: body} }
	if valkey && kind > 21 {
		if kind == 22 { // hash with fields that expire
			return []rdbOp{count(text, text, eight)}
		}
		return nil
	}
	switch kind {
	case 0, 9, 10, 11, 12, 13, 16, 17, 20: // a string; zipmap, ziplists, intset and listpacks, each in one string
		return []rdbOp{text}
	case 1, 2, 14: // list, set, quicklist
		return []rdbOp{count(text)}
	case 3: // sorted set with scores as text
		return []rdbOp{count(text, rdbOp{kind: rdbText})}
	case 4: // hash
		return []rdbOp{count(text, text)}
	case 5: // sorted set
		return []rdbOp{count(text, eight)}
	case 7: // a module's own
		return []rdbOp{number, {kind: rdbModule}}
	case 18: // quicklist of listpacks
		return []rdbOp{count(number, text)}
	case 24: // hash with fields that expire
		return []rdbOp{eight, count(number, text, text)}
	case 25: // the same in a listpack
		return []rdbOp{eight, text}
	case 15, 19, 21, 26, 27:
		return rdbStream(kind)
	}
	return nil
}

// rdbStream: the second edition of streams tells more of the stream and its groups, the third of its consumers, the
// fourth of messages that must not be added twice, the fifth of those that a consumer gave back.
func rdbStream(kind byte) []rdbOp {
	text, number := rdbOp{kind: rdbString}, rdbOp{kind: rdbNumber}
	raw := func(n uint64) rdbOp { return rdbOp{kind: rdbRaw, n: n} }
	count := func(body ...rdbOp) rdbOp { return rdbOp{kind: rdbCount, body: body} }
	shape := []rdbOp{count(text, text), number, number, number}
	group := []rdbOp{text, number, number}
	seen := raw(8)
	if kind >= 19 {
		shape = append(shape, number, number, number, number, number)
		group = append(group, number)
	}
	if kind >= 21 {
		seen = raw(16)
	}
	group = append(group, count(raw(16+8), number), count(text, seen, count(raw(16))))
	if kind >= 27 {
		group = append(group, count(raw(16)))
	}
	shape = append(shape, count(group...))
	if kind >= 26 {
		producer := count(text, count(text, number, number))
		shape = append(shape, number, number, producer, number, number)
	}
	return shape
}

func (s *rdbScan) magic(head string) error {
	digits, ok := head[5:], head[:5] == "REDIS"
	if head[:6] == "VALKEY" {
		digits, ok, s.valkey = head[6:], true, true
	}
	version, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || version < 5 {
		return errors.New("it does not begin like an RDB file of version 5 or newer")
	}
	s.version = int(version)
	s.push(rdbOp{kind: rdbTop})
	if s.sink.header != nil {
		return s.sink.header(s.version)
	}
	return nil
}

func (s *rdbScan) nextKey() { s.key = rdbKey{idle: -1, freq: -1} }

// opcode is a byte between two values: what the next thing is.
func (s *rdbScan) opcode(code byte) error {
	again, number := rdbOp{kind: rdbTop}, rdbOp{kind: rdbNumber}
	s.kept = s.kept[:0]
	switch code {
	case 255:
		if s.key != (rdbKey{idle: -1, freq: -1}) {
			return errors.New("it ends where a key belongs")
		}
		s.ending = true
		s.push(rdbOp{kind: rdbFinal, n: 8})
	case 254:
		s.push(rdbOp{kind: rdbNumber, do: s.database}, again)
	case 253:
		s.push(rdbOp{kind: rdbFixed, n: 4, do: func(n uint64) error { return s.expires(n, 1000) }}, again)
	case 252:
		s.push(rdbOp{kind: rdbFixed, n: 8, do: func(n uint64) error { return s.expires(n, 1) }}, again)
	case 251:
		s.push(number, number, again)
	case 250:
		s.push(rdbOp{kind: rdbKeep}, rdbOp{kind: rdbKeep}, rdbOp{kind: rdbDo, do: s.auxiliary}, again)
	case 249:
		s.push(rdbOp{kind: rdbByte, do: func(n uint64) error { s.key.freq = int(n); return nil }}, again)
	case 248:
		s.push(rdbOp{kind: rdbNumber, do: func(n uint64) error { s.key.idle = int64(min(n, math.MaxInt64)); return nil }}, again)
	case 247:
		s.push(number, number, number, rdbOp{kind: rdbModule}, again)
	case 245:
		s.push(rdbOp{kind: rdbKeep}, rdbOp{kind: rdbDo, do: s.library}, again)
	case 244: // how many keys of a cluster's slot follow
		s.push(number, number, number, again)
	case 243: // slots that a cluster was moving here: its affair, not that of the keys
		if !s.valkey {
			return s.value(code) // what a module says of the next key, which a RESTORE of it would lose
		}
		s.push(rdbOp{kind: rdbString}, rdbOp{kind: rdbCount, body: []rdbOp{number, number}}, again)
	default:
		return s.value(code)
	}
	return nil
}

func (s *rdbScan) value(kind byte) error {
	if s.shapes[kind] == nil {
		shape := rdbShape(kind, s.valkey)
		if shape == nil {
			return fmt.Errorf("it holds a value of a type that is not known here: %d", kind)
		}
		s.shapes[kind] = shape
	}
	s.key.kind = kind
	name := rdbOp{kind: rdbString}
	if s.sink.value != nil {
		name.kind = rdbKeep
	}
	s.push(s.around[:]...)
	s.push(name)
	return nil
}

func (s *rdbScan) begin(uint64) error {
	s.push(s.shapes[s.key.kind]...)
	var name []byte
	if s.sink.value != nil {
		var err error
		if name, err = decodeRDBString(s.kept[0]); err != nil {
			return err
		}
	}
	if s.sink.begin != nil {
		if err := s.sink.begin(s.key, name); err != nil {
			return err
		}
	}
	s.inValue = true
	return nil
}

func (s *rdbScan) end(uint64) error {
	s.inValue = false
	s.nextKey()
	if s.sink.end != nil {
		return s.sink.end()
	}
	return nil
}

func (s *rdbScan) expires(n, unit uint64) error {
	if n > math.MaxInt64/unit {
		return errors.New("it has a key that expires at no real time")
	}
	s.key.expiry = max(int64(n*unit), 1)
	return nil
}

func (s *rdbScan) database(n uint64) error {
	if n > math.MaxInt32 {
		return fmt.Errorf("it has a database %d", n)
	}
	if s.sink.database != nil {
		return s.sink.database(n)
	}
	return nil
}

func (s *rdbScan) auxiliary(uint64) error {
	if s.sink.aux == nil || len(s.kept[0]) >= maxKept || len(s.kept[1]) >= maxKept {
		return nil
	}
	name, err := decodeRDBString(s.kept[0])
	if err != nil {
		return err
	}
	value, err := decodeRDBString(s.kept[1])
	if err != nil {
		return err
	}
	return s.sink.aux(string(name), string(value))
}

func (s *rdbScan) library(uint64) error {
	if s.sink.library == nil {
		return nil
	}
	if len(s.kept[0]) >= s.most {
		return s.sink.library(nil) // somebody who counts only
	}
	code, err := decodeRDBString(s.kept[0])
	if err != nil {
		return err
	}
	return s.sink.library(code)
}

// checksum ends the file. A server that is told not to compute one writes zeros.
func (s *rdbScan) checksum(head []byte) error {
	s.done = true
	if sum := binary.LittleEndian.Uint64(head); sum != 0 && sum != s.crc {
		return errors.New("its checksum does not fit its content")
	}
	return nil
}
