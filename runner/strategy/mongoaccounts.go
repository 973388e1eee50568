package strategy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
)

const (
	mongoUsers        = "admin.system.users"
	mongoRoles        = "admin.system.roles"
	mongoUsersVersion = "admin.system.version" // says of which form they are
)

// maxMongoUsers bounds the accounts that are held at once.
const maxMongoUsers = 64 << 20

// own is the document of the account that we log in as, as the server has it now; nil: it has none.
func (s mongoSession) own(ctx context.Context, user string) ([]byte, error) {
	var found []byte
	docs := &mongoDocuments{each: func(doc []byte) {
		if mongoID(doc) == "admin."+user {
			found = bytes.Clone(doc)
		}
	}}
	scan := newMongoScan(mongoSink{body: docs.add})
	err := s.run(ctx, mongoDumpScript, nil, scanWriter{scan}, nil, "--db=admin", "--collection=system.users")
	if err != nil {
		return nil, fmt.Errorf("read the account %s: %w", user, err)
	}
	return found, nil
}

// mongoDocuments puts documents together that come in pieces.
type mongoDocuments struct {
	held []byte
	each func(doc []byte)
}

func (d *mongoDocuments) add(piece []byte) error {
	if d.held = append(d.held, piece...); len(d.held) > maxMongoUsers {
		return errors.New("there are more accounts than can be held")
	}
	rest := d.held
	for len(rest) >= 4 {
		size := int(binary.LittleEndian.Uint32(rest))
		if size < 5 || size > len(rest) {
			break
		}
		d.each(rest[:size])
		rest = rest[size:]
	}
	d.held = append(d.held[:0], rest...)
	return nil
}

// mongoID is a document's key, when it is text.
func mongoID(doc []byte) (id string) {
	_ = bsonFields(doc, func(kind byte, name string, value []byte) error {
		if name == "_id" {
			id = bsonText(kind, value)
		}
		return nil
	})
	return id
}

// mongoKeeper passes an archive on with one account as it is now: the one that restores must not lose its way in, when
// a server that was set up anew has another password than the one that was backed up.
type mongoKeeper struct {
	r     io.Reader
	in    []byte
	out   bytes.Buffer
	scan  *mongoScan
	own   []byte
	crc   uint64 // of the accounts that were passed on
	table *crc64.Table
	docs  *mongoDocuments // not nil within a block of accounts
	kept  bool
}

func newMongoKeeper(r io.Reader, own []byte) *mongoKeeper {
	k := &mongoKeeper{r: r, own: own, in: make([]byte, 256<<10), table: crc64.MakeTable(crc64.ECMA)}
	k.scan = newMongoScan(mongoSink{
		header: func(string) error {
			_ = k.write(binary.LittleEndian.AppendUint32(nil, mongoMagic))
			return k.write(k.scan.doc)
		},
		announce: func(_ mongoNamespace, raw []byte) error { return k.write(raw) },
		begin:    func() error { return k.write(mongoEnd()) },
		block:    k.block,
		body: func(piece []byte) error {
			if k.docs != nil {
				return k.docs.add(piece)
			}
			return k.write(piece)
		},
		finish: func(int64) error { k.docs = nil; return k.write(mongoEnd()) },
	})
	return k
}

// write never fails: a buffer takes everything.
func (k *mongoKeeper) write(b []byte) error {
	_, err := k.out.Write(b)
	return err
}

func (k *mongoKeeper) block(b mongoBlock, raw []byte) error {
	switch {
	case b.space != mongoUsers:
		_, _ = k.out.Write(raw)
	case !b.end:
		_, _ = k.out.Write(raw)
		k.docs = &mongoDocuments{each: k.account}
	default:
		if !k.kept {
			_, _ = k.out.Write(mongoBlockHeader(mongoUsers, false, 0))
			k.pass(k.own)
			_, _ = k.out.Write(mongoEnd())
		}
		_, _ = k.out.Write(mongoBlockHeader(mongoUsers, true, k.crc))
	}
	return nil
}

// account passes one on, ours as it is now.
func (k *mongoKeeper) account(doc []byte) {
	if mongoID(doc) == mongoID(k.own) {
		doc, k.kept = k.own, true
	}
	k.pass(doc)
}

func (k *mongoKeeper) pass(doc []byte) {
	k.crc = crc64.Update(k.crc, k.table, doc)
	_, _ = k.out.Write(doc)
}

// Read implements io.Reader.
func (k *mongoKeeper) Read(p []byte) (int, error) {
	for k.out.Len() == 0 {
		n, err := k.r.Read(k.in)
		if err := k.scan.write(k.in[:n]); err != nil {
			return 0, fmt.Errorf("read dump: %w", err)
		}
		if err != nil && k.out.Len() == 0 {
			return 0, err
		}
		if err != nil {
			k.r = ended{err}
		}
	}
	return k.out.Read(p)
}

// ended is a reader that has come to its end before.
type ended struct{ err error }

func (e ended) Read([]byte) (int, error) { return 0, e.err }
