package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// noise is an endless stream that no compressor makes smaller: a key stream with a fixed key.
type noise struct{ stream cipher.Stream }

func newNoise(seed uint64) io.Reader {
	key, iv := make([]byte, 16), make([]byte, 16)
	copy(key, "simpledeploy-key")
	binary.BigEndian.PutUint64(iv, seed)
	block, err := aes.NewCipher(key)
	if err != nil {
		return failing{err}
	}
	return noise{cipher.NewCTR(block, iv)}
}

func (n noise) Read(p []byte) (int, error) {
	clear(p)
	n.stream.XORKeyStream(p, p)
	return len(p), nil
}

// failing is a source that could not be made.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// logLines is an endless stream of lines as servers log them; a compressor takes them to about a third.
type logLines struct {
	rnd   *rand.Rand
	words []string
	at    int64 // milliseconds
	buf   bytes.Buffer
}

func newLog(seed uint64) io.Reader {
	l := &logLines{rnd: rand.New(rand.NewPCG(seed, 0))}
	const letters = "etaoinshrdlucmfwypvbgkqjxz" // by how often they occur
	for range 6000 {
		var w strings.Builder
		for range 3 + l.rnd.IntN(8) {
			w.WriteByte(letters[l.rnd.IntN(26)*l.rnd.IntN(26)/26])
		}
		l.words = append(l.words, w.String())
	}
	return l
}

func (l *logLines) Read(p []byte) (int, error) {
	for l.buf.Len() < len(p) {
		l.line()
	}
	return l.buf.Read(p)
}

func (l *logLines) line() {
	levels := [...]string{"INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"}
	n := l.rnd.IntN
	l.at += 1 + int64(n(40))
	fmt.Fprintf(&l.buf, "2026-01-%02dT%02d:%02d:%02d.%03dZ host%02d app[%d]: level=%s user=%d path=/api/v1/%s/%d dur=%dms msg=\"",
		1+l.at/86400000%28, l.at/3600000%24, l.at/60000%60, l.at/1000%60, l.at%1000,
		n(12), 1000+n(40), levels[n(6)], n(90000), l.words[n(50)], n(5000), n(n(900)+1))
	for range 4 + n(14) {
		// Words are as unevenly common as those of a language.
		l.buf.WriteString(l.words[n(6000)*n(6000)/6000*n(6000)/6000])
		l.buf.WriteByte(' ')
	}
	l.buf.WriteString("\"\n")
}
