package targettest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Data is n bytes that do not repeat within a part, the same at every call.
func Data(n int) []byte {
	b := make([]byte, n)
	state := uint64(n) + 1
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return b
}

// Broken gives data and then the error instead of an end; before that, if it is set, it calls once.
type Broken struct {
	Data   []byte
	Err    error
	Before func()
}

func (b *Broken) Read(p []byte) (int, error) {
	if len(b.Data) == 0 {
		if b.Before != nil {
			b.Before()
			b.Before = nil
		}
		return 0, b.Err
	}
	n := copy(p, b.Data)
	b.Data = b.Data[n:]
	return n, nil
}

// Resumed calls Before once after data, then goes on with Rest: for faults in the middle of a whole stream.
func Resumed(data []byte, before func(), rest []byte) io.Reader {
	return io.MultiReader(&Broken{Data: data, Err: io.EOF, Before: before}, &Broken{Data: rest, Err: io.EOF})
}

// Line is a TCP connection to a server that can be cut.
type Line struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	open  map[net.Conn]bool
	isCut bool
}

// NewLine listens on a port of its own and passes everything on to the server's address.
func NewLine(t testing.TB, server string) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{listener: listener, server: server, open: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = listener.Close(); l.Cut() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(conn)
		}
	}()
	return l
}

// Addr is where clients connect.
func (l *Line) Addr() string { return l.listener.Addr().String() }

// Cut ends every connection, in the middle of whatever it carries, and all that come later.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.open {
		_ = conn.Close()
	}
}

// Mend lets new connections through again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

func (l *Line) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer server.Close()
	if !l.keep(client, server) {
		return
	}
	defer l.forget(client, server)
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func (l *Line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		l.open[conn] = true
	}
	return !l.isCut
}

func (l *Line) forget(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.open, conn)
	}
}
