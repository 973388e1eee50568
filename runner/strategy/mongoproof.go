package strategy

import (
	"errors"
	"fmt"
	"hash/crc64"
	"strings"
)

// mongoOplog is where an archive holds what was written while it was made.
const mongoOplog = ".oplog"

// maxMongoNames bounds what the names of an archive's collections may take in memory.
const maxMongoNames = 64 << 20

// mongoSpace is what is known of one collection of an archive.
type mongoSpace struct {
	mongoNamespace
	docs    int64
	crc     uint64
	ended   bool
	expires bool // the server deletes documents that are old
}

// mongoProof follows an archive: every collection that it announces must come to its end, with the checksum that
// stands there, and none that it does not announce may come. Nothing marks the end of an archive, so this is what
// tells a whole one from one that was cut between two blocks.
type mongoProof struct {
	scan    *mongoScan
	spaces  map[string]*mongoSpace
	order   []*mongoSpace
	names   int
	missing int // collections that have not ended
	current *mongoSpace
	server  string
}

func newMongoProver() Prover { return newMongoProof() }

func newMongoProof() *mongoProof {
	p := &mongoProof{spaces: map[string]*mongoSpace{}}
	table := crc64.MakeTable(crc64.ECMA)
	p.scan = newMongoScan(mongoSink{
		header:   func(version string) error { p.server = version; return nil },
		announce: p.announce,
		block:    p.block,
		body: func(piece []byte) error {
			if p.current.ended {
				return fmt.Errorf("it has documents of %s after their end", p.current)
			}
			p.current.crc = crc64.Update(p.current.crc, table, piece)
			return nil
		},
		finish: func(documents int64) error { p.current.docs += documents; return nil },
	})
	return p
}

func (p *mongoProof) announce(n mongoNamespace, _ []byte) error {
	expires := strings.Contains(n.metadata, `"expireAfterSeconds"`)
	n.metadata = "" // may be large
	key := n.String()
	if p.spaces[key] != nil {
		return fmt.Errorf("it announces %s twice", key)
	}
	if p.names += len(key); p.names > maxMongoNames {
		return errors.New("it announces more collections than a server can have")
	}
	space := &mongoSpace{mongoNamespace: n, expires: expires}
	p.spaces[key], p.order = space, append(p.order, space)
	p.missing++
	return nil
}

// find is the collection that a block is of. The documents of a time series are in a collection beside it.
func (p *mongoProof) find(name string) *mongoSpace {
	if space := p.spaces[name]; space != nil {
		return space
	}
	space := p.spaces[mongoLogical(name)]
	if space == nil || space.kind != "timeseries" {
		return nil
	}
	return space
}

func (p *mongoProof) block(b mongoBlock, _ []byte) error {
	space := p.find(b.space)
	switch {
	case space == nil:
		return fmt.Errorf("it has documents of %s, which it does not announce", b.space)
	case space.ended:
		return fmt.Errorf("it has documents of %s after their end", b.space)
	case b.end && b.crc != space.crc:
		return fmt.Errorf("the documents of %s do not have the checksum that is given", b.space)
	}
	p.current = space
	if b.end {
		space.ended = true
		p.missing--
	}
	return nil
}

// Write never fails: what is wrong is told by Proof.
func (p *mongoProof) Write(b []byte) (int, error) {
	_ = p.scan.write(b)
	return len(b), nil
}

// Proof is nil only for an archive whose collections have all come to their end.
func (p *mongoProof) Proof() (Proof, error) {
	if err := p.scan.end(); err != nil {
		return Proof{}, fmt.Errorf("prove dump: %w", err)
	}
	if p.missing > 0 {
		return Proof{}, fmt.Errorf("prove dump: it is cut short: %d of its %d collections are not whole", p.missing, len(p.order))
	}
	return p.count(), nil
}

// count leaves out what is no collection of the users': views, the oplog, accounts and the server's own notes.
func (p *mongoProof) count() Proof {
	total := Proof{Format: "mongodump", Detail: map[string]int64{}}
	for _, space := range p.order {
		if !space.counts() {
			continue
		}
		total.Tables++
		total.Rows += space.docs
		if len(total.Detail) < maxDetailTables {
			total.Detail[space.String()] = space.docs
		}
	}
	return total
}

func (s *mongoSpace) counts() bool {
	if s.kind == "view" || s.db == "" || s.db == "config" {
		return false
	}
	return s.db != "admin" || !strings.HasPrefix(s.name, "system.")
}
