package filetree

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	batchItems = 32       // members that one reader takes at a time
	smallFile  = 64 << 10 // files up to this size are read ahead
)

// folder is an open folder that is shared by the walk and the readers, and closed by the last of them.
type folder struct {
	fd   int
	refs atomic.Int32
}

func newFolder(fd int) *folder {
	f := &folder{fd: fd}
	f.refs.Store(1)
	return f
}

func (f *folder) retain() *folder {
	f.refs.Add(1)
	return f
}

func (f *folder) release() {
	if f.refs.Add(-1) == 0 {
		_ = unix.Close(f.fd)
	}
}

// item is one name that the walk found, or a member whose header is already made.
type item struct {
	dir  *folder // nil when head is set
	name string
	path string // of the member
	root int
	head *header
	file bool // the folder's entry said that it is a regular file
}

// part is a stretch of the archive: ready bytes, or a file that the writer itself streams.
type part struct {
	bytes []byte
	file  *item
}

// batch is some neighbouring members. One reader fills parts; the writer takes the batches in the walk's order.
type batch struct {
	items []item
	buf   []byte
	parts []part
	tally tally
	err   error
	done  chan struct{}
}

// tally counts what has been written.
type tally struct{ entries, bytes, sockets int64 }

func (t *tally) add(o tally) {
	t.entries += o.entries
	t.bytes += o.bytes
	t.sockets += o.sockets
}

// batches reuses batches and their buffers.
type batches struct{ pool sync.Pool }

func (p *batches) get() *batch {
	b, ok := p.pool.Get().(*batch)
	if !ok {
		b = &batch{}
	}
	b.items, b.buf, b.parts, b.tally, b.err = b.items[:0], b.buf[:0], b.parts[:0], tally{}, nil
	b.done = make(chan struct{})
	return b
}

func (p *batches) put(b *batch) {
	for i := range b.items {
		if b.items[i].dir != nil {
			b.items[i].dir.release()
		}
		b.items[i] = item{}
	}
	p.pool.Put(b)
}
