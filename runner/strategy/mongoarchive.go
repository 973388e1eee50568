package strategy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	mongoMagic      = 0x8199e26d
	mongoTerminator = 0xffffffff
	mongoVersion    = "0.1" // of the format
)

// mongoNamespace is one collection as an archive announces it.
type mongoNamespace struct {
	db, name string
	kind     string // collection, view, timeseries; empty in archives of old tools
	metadata string // options and indexes, JSON
}

func (n mongoNamespace) String() string { return n.db + "." + n.name }

// mongoBuckets is what the collection with the documents of a time series is called before its own name.
const mongoBuckets = "system.buckets."

// mongoLogical is the collection whose documents a block holds.
func mongoLogical(space string) string { return strings.Replace(space, "."+mongoBuckets, ".", 1) }

// mongoBlock is the header of one run of documents, or the mark after a collection's last one.
type mongoBlock struct {
	space string // database and collection
	end   bool
	crc   uint64
}

// mongoSink is told what a scan meets. Every field may be nil. What it is given is valid during the call only.
type mongoSink struct {
	header   func(version string) error               // the server's
	announce func(n mongoNamespace, raw []byte) error // one collection of the prelude
	begin    func() error                             // the prelude has ended
	block    func(b mongoBlock, raw []byte) error     // a header
	body     func(piece []byte) error                 // bytes of its documents
	finish   func(documents int64) error              // its terminator
}

// mongoScan follows an archive as mongodump writes it, in pieces of any size: a magic number; a prelude of one header
// and one document for each collection; then blocks of a header and documents. The prelude and each block end with a
// terminator where a document's length would be. Nothing is held but one header.
type mongoScan struct {
	sink mongoSink
	at   func([]byte) (int, error) // takes some bytes of what comes next
	err  error

	length  [4]byte
	have    int    // bytes of length
	doc     []byte // a document that is read as a whole
	left    int    // bytes that are missing of the current document
	docs    int64  // of the current block
	headed  bool   // the archive's own header was seen
	between bool   // no block is open: the archive may end here
}

func newMongoScan(sink mongoSink) *mongoScan {
	s := &mongoScan{sink: sink}
	s.at = s.magic
	return s
}

// write fails once and for all.
func (s *mongoScan) write(p []byte) error {
	for len(p) > 0 && s.err == nil {
		var n int
		n, s.err = s.at(p)
		p = p[n:]
	}
	return s.err
}

// end says whether the archive may end here.
func (s *mongoScan) end() error {
	switch {
	case s.err != nil:
		return s.err
	case !s.between || s.have > 0:
		return errors.New("it is cut short")
	}
	return nil
}

// size collects the four bytes that tell a length, or that a block has ended.
func (s *mongoScan) size(p []byte) (n int, size uint32, whole bool) {
	n = copy(s.length[s.have:], p)
	if s.have += n; s.have < len(s.length) {
		return n, 0, false
	}
	s.have = 0
	return n, binary.LittleEndian.Uint32(s.length[:]), true
}

func checkBSONSize(size uint32) error {
	if size < 5 || size > maxBSON {
		return fmt.Errorf("it has %d where the length of a document belongs", size)
	}
	return nil
}

func (s *mongoScan) magic(p []byte) (int, error) {
	n, magic, whole := s.size(p)
	if whole && magic != mongoMagic {
		return n, errors.New("it does not begin like an archive of mongodump")
	}
	if whole {
		s.at = s.prelude
	}
	return n, nil
}

// prelude stands before a document of the prelude, or its end.
func (s *mongoScan) prelude(p []byte) (int, error) {
	n, size, whole := s.size(p)
	if !whole {
		return n, nil
	}
	if size == mongoTerminator {
		if !s.headed {
			return n, errors.New("it has no header")
		}
		s.at, s.between = s.head, true
		return n, call(s.sink.begin)
	}
	return n, s.collect(size, s.preludeDocument)
}

// head stands before the header of a block.
func (s *mongoScan) head(p []byte) (int, error) {
	n, size, whole := s.size(p)
	if !whole {
		return n, nil
	}
	s.between = false
	return n, s.collect(size, s.blockHeader)
}

// collect reads one document as a whole and hands it over.
func (s *mongoScan) collect(size uint32, then func() error) error {
	if err := checkBSONSize(size); err != nil {
		return err
	}
	s.doc = append(s.doc[:0], s.length[:]...)
	s.left = int(size) - len(s.length)
	s.at = func(p []byte) (int, error) {
		n := min(len(p), s.left)
		s.doc = append(s.doc, p[:n]...)
		if s.left -= n; s.left > 0 {
			return n, nil
		}
		err := then()
		if cap(s.doc) > 1<<20 {
			s.doc = nil // one large header is not held for all that follow
		}
		return n, err
	}
	return nil
}

func (s *mongoScan) preludeDocument() error {
	s.at = s.prelude
	if !s.headed {
		s.headed = true
		return s.archiveHeader()
	}
	var n mongoNamespace
	err := bsonFields(s.doc, func(kind byte, name string, value []byte) error {
		switch name {
		case "db":
			n.db = bsonText(kind, value)
		case "collection":
			n.name = bsonText(kind, value)
		case "type":
			n.kind = bsonText(kind, value)
		case "metadata":
			n.metadata = bsonText(kind, value)
		}
		return nil
	})
	if err == nil && n.name == "" {
		err = errors.New("it announces a collection without a name")
	}
	if err != nil || s.sink.announce == nil {
		return err
	}
	return s.sink.announce(n, s.doc)
}

func (s *mongoScan) archiveHeader() error {
	var format, server string
	err := bsonFields(s.doc, func(kind byte, name string, value []byte) error {
		switch name {
		case "version":
			format = bsonText(kind, value)
		case "server_version":
			server = bsonText(kind, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if format != mongoVersion {
		return fmt.Errorf("it is of the archive format %q, and only %s is known", format, mongoVersion)
	}
	if s.sink.header == nil {
		return nil
	}
	return s.sink.header(server)
}

func (s *mongoScan) blockHeader() error {
	var b mongoBlock
	var db, collection string
	err := bsonFields(s.doc, func(kind byte, name string, value []byte) error {
		switch name {
		case "db":
			db = bsonText(kind, value)
		case "collection":
			collection = bsonText(kind, value)
		case "EOF":
			b.end = bsonNumber(kind, value) != 0
		case "CRC":
			b.crc = uint64(bsonNumber(kind, value))
		}
		return nil
	})
	if err == nil && collection == "" {
		err = errors.New("it has documents of a collection without a name")
	}
	if err != nil {
		return err
	}
	b.space = db + "." + collection
	s.at, s.docs = s.documents, 0
	if s.sink.block == nil {
		return nil
	}
	return s.sink.block(b, s.doc)
}

// documents follows the documents of a block. They are handed on in pieces as long as they come.
func (s *mongoScan) documents(p []byte) (int, error) {
	at := 0
	for at < len(p) {
		if s.left > 0 {
			n := min(s.left, len(p)-at)
			at += n
			if s.left -= n; s.left > 0 {
				break
			}
			if p[at-1] != 0 {
				return at, errors.New("it has a document that does not end like one")
			}
			s.docs++
			continue
		}
		if s.have > 0 || len(p)-at < 4 {
			return s.split(p, at)
		}
		size := binary.LittleEndian.Uint32(p[at:])
		if size == mongoTerminator {
			if err := s.pass(p[:at]); err != nil {
				return at, err
			}
			return at + 4, s.blockEnd()
		}
		if err := checkBSONSize(size); err != nil {
			return at, err
		}
		s.left = int(size)
	}
	return at, s.pass(p[:at])
}

// split reads a length that is in two pieces.
func (s *mongoScan) split(p []byte, at int) (int, error) {
	if err := s.pass(p[:at]); err != nil {
		return at, err
	}
	n, size, whole := s.size(p[at:])
	if !whole {
		return at + n, nil
	}
	if size == mongoTerminator {
		return at + n, s.blockEnd()
	}
	if err := checkBSONSize(size); err != nil {
		return at + n, err
	}
	s.left = int(size) - len(s.length)
	return at + n, s.pass(s.length[:])
}

func (s *mongoScan) pass(piece []byte) error {
	if len(piece) == 0 || s.sink.body == nil {
		return nil
	}
	return s.sink.body(piece)
}

func (s *mongoScan) blockEnd() error {
	s.at, s.between = s.head, true
	if s.sink.finish == nil {
		return nil
	}
	return s.sink.finish(s.docs)
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// mongoHead is the begin of an archive.
func mongoHead(server string) []byte {
	head := binary.LittleEndian.AppendUint32(nil, mongoMagic)
	return append(head, bsonDocument("concurrent_collections", int32(4), "version", mongoVersion, "server_version", server, "tool_version", "simpledeploy-backup")...)
}

func mongoEnd() []byte { return binary.LittleEndian.AppendUint32(nil, mongoTerminator) }

// mongoBlockHeader begins a block, or stands for the end of a collection.
func mongoBlockHeader(space string, end bool, crc uint64) []byte {
	db, name, _ := strings.Cut(space, ".")
	return bsonDocument("db", db, "collection", name, "EOF", end, "CRC", int64(crc))
}
