package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxBSON is the largest document in an archive: what a server stores, and what it wraps around it in its oplog.
const maxBSON = 16<<20 + 64<<10

// bsonFields hands over every field of one document, its type and its bytes, without looking into nested ones.
func bsonFields(doc []byte, each func(kind byte, name string, value []byte) error) error {
	if len(doc) < 5 || int(binary.LittleEndian.Uint32(doc)) != len(doc) || doc[len(doc)-1] != 0 {
		return errors.New("it has a document of another size than it says")
	}
	rest := doc[4 : len(doc)-1]
	for len(rest) > 0 {
		kind := rest[0]
		name, after, ok := bytes.Cut(rest[1:], []byte{0})
		if !ok {
			return errors.New("it has a document with a field without a name")
		}
		size, err := bsonSize(kind, after)
		if err != nil {
			return err
		}
		if err := each(kind, string(name), after[:size]); err != nil {
			return err
		}
		rest = after[size:]
	}
	return nil
}

// bsonSize is how many of the bytes belong to a value that begins with them.
func bsonSize(kind byte, b []byte) (int, error) {
	size := -1
	switch kind {
	case 0x06, 0x0a, 0x7f, 0xff: // undefined, null, the largest and the smallest key
		size = 0
	case 0x08: // boolean
		size = 1
	case 0x10: // int32
		size = 4
	case 0x01, 0x09, 0x11, 0x12: // double, date, timestamp, int64
		size = 8
	case 0x07: // object id
		size = 12
	case 0x13: // decimal
		size = 16
	case 0x02, 0x0d, 0x0e: // string, code, symbol
		size = bsonLength(b, 4)
	case 0x03, 0x04, 0x0f: // document, array, code with its scope
		size = bsonLength(b, 0)
	case 0x05: // binary
		size = bsonLength(b, 5)
	case 0x0c: // pointer
		size = bsonLength(b, 16)
	case 0x0b: // regular expression
		if first := bytes.IndexByte(b, 0); first >= 0 {
			if second := bytes.IndexByte(b[first+1:], 0); second >= 0 {
				size = first + second + 2
			}
		}
	default:
		return 0, fmt.Errorf("it has a document with a field of the unknown type %#x", kind)
	}
	if size < 0 || size > len(b) {
		return 0, errors.New("it has a document with a field that goes beyond its end")
	}
	return size, nil
}

// bsonLength reads a length and adds what is not counted in it; -1: there is none.
func bsonLength(b []byte, more int) int {
	if len(b) < 4 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(b)))
	if n < 0 {
		return -1
	}
	return n + more
}

// bsonText is the value of a string field; empty for any other type.
func bsonText(kind byte, value []byte) string {
	if kind != 0x02 || len(value) < 5 {
		return ""
	}
	return string(value[4 : len(value)-1])
}

// bsonNumber is the value of an integer field or a boolean.
func bsonNumber(kind byte, value []byte) int64 {
	switch kind {
	case 0x08:
		return int64(value[0])
	case 0x10:
		return int64(int32(binary.LittleEndian.Uint32(value)))
	case 0x12:
		return int64(binary.LittleEndian.Uint64(value))
	}
	return 0
}

// bsonDocument writes a document of strings, int32, int64 and booleans, in the order given: name, value, name, value.
func bsonDocument(fields ...any) []byte {
	doc := make([]byte, 4, 64)
	for i := 0; i+1 < len(fields); i += 2 {
		name := fmt.Sprint(fields[i])
		field := func(kind byte) { doc = append(append(append(doc, kind), name...), 0) }
		switch v := fields[i+1].(type) {
		case string:
			field(0x02)
			doc = binary.LittleEndian.AppendUint32(doc, uint32(len(v)+1))
			doc = append(append(doc, v...), 0)
		case bool:
			field(0x08)
			doc = append(doc, map[bool]byte{true: 1}[v])
		case int32:
			field(0x10)
			doc = binary.LittleEndian.AppendUint32(doc, uint32(v))
		case int64:
			field(0x12)
			doc = binary.LittleEndian.AppendUint64(doc, uint64(v))
		}
	}
	doc = append(doc, 0)
	binary.LittleEndian.PutUint32(doc, uint32(len(doc)))
	return doc
}
