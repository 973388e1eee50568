package strategy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mongoReader passes an archive on while it is looked at. Its end is clean only when the source's was and the archive
// is whole.
type mongoReader struct {
	r        io.Reader
	head     bytes.Buffer // what was read to know what it holds
	proof    *mongoProof
	complete bool
}

func newMongoReader(r io.Reader) *mongoReader { return &mongoReader{r: r, proof: newMongoProof()} }

// maxMongoPrelude bounds what an archive may announce before its first document.
const maxMongoPrelude = 256 << 20

// open reads as far as the archive tells what it holds. It must hold nothing but the databases that are named.
func (d *mongoReader) open(names []string) error {
	list := newMongoListing()
	buf := make([]byte, 64<<10)
	for !list.complete() {
		n, err := d.r.Read(buf)
		_, _ = d.head.Write(buf[:n])
		_, _ = list.Write(buf[:n])
		_, _ = d.proof.Write(buf[:n])
		switch {
		case list.complete():
		case list.scan.err != nil:
			return list.scan.err
		case err == io.EOF:
			return errors.New("it is cut short")
		case err != nil:
			return err
		case d.head.Len() > maxMongoPrelude:
			return errors.New("it announces more than can be held")
		}
	}
	for _, n := range list.spaces {
		if names != nil && !slices.Contains(names, n.db) {
			return fmt.Errorf("it holds %s, and only %s is to be restored", n, strings.Join(names, ", "))
		}
	}
	return nil
}

// Read implements io.Reader.
func (d *mongoReader) Read(p []byte) (int, error) {
	if d.head.Len() > 0 {
		return d.head.Read(p)
	}
	n, err := d.r.Read(p)
	_, _ = d.proof.Write(p[:n])
	if d.proof.scan.err != nil {
		return 0, fmt.Errorf("read dump: %w", d.proof.scan.err)
	}
	if err == io.EOF {
		if _, err := d.proof.Proof(); err != nil {
			return 0, err
		}
		d.complete = true
		return n, io.EOF
	}
	if err != nil {
		return 0, fmt.Errorf("read dump: %w", err)
	}
	return n, nil
}

// mongoLoadLog follows what mongorestore says. It goes on when the server does not take a document, and counts.
type mongoLoadLog struct {
	line     []byte
	failures int64
	known    int64            // of them, documents whose key was there already
	twice    map[string]int64 // failures per collection
	refused  string           // the first other reason
}

// refusal is why the server did not take a document; empty: no other reason than that it was there already.
func (l *mongoLoadLog) refusal() string {
	if l.refused == "" && l.failures > l.known {
		return "mongorestore does not say why"
	}
	return l.refused
}

var (
	mongoFinished = regexp.MustCompile(`finished restoring (.+) \((\d+) documents?, (\d+) failures?\)`)
	mongoRefusal  = regexp.MustCompile(`continuing through error: (.*)`)
)

// Write takes what it says in pieces.
func (l *mongoLoadLog) Write(p []byte) (int, error) {
	l.line = append(l.line, p...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			break
		}
		l.follow(line)
		l.line = rest
	}
	if len(l.line) > 64<<10 {
		l.line = nil
	}
	return len(p), nil
}

func (l *mongoLoadLog) follow(line []byte) {
	if reason := mongoRefusal.FindSubmatch(line); reason != nil {
		switch {
		case bytes.Contains(reason[1], []byte("E11000")):
			l.known++
		case l.refused == "":
			l.refused = string(reason[1])
		}
	}
	found := mongoFinished.FindSubmatch(line)
	if found == nil {
		return
	}
	n, err := strconv.ParseInt(string(found[3]), 10, 64)
	if err != nil || n == 0 {
		return
	}
	if l.twice == nil {
		l.twice = map[string]int64{}
	}
	l.failures += n
	l.twice[string(found[1])] += n
}
