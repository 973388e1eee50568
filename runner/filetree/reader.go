package filetree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mostRecords bounds the PAX records of one member.
const mostRecords = 4 << 20

// tarReader reads the archives that Archive writes. What Archive never writes is refused.
type tarReader struct {
	r    io.Reader
	left int64 // of the member's stored bytes and padding
	pad  int64
	blk  [blockSize]byte
}

// next gives the next member; io.EOF only after a proper end of the archive and the stream's own end.
func (t *tarReader) next() (*header, error) {
	if err := t.skip(); err != nil {
		return nil, err
	}
	var records map[string]string
	for {
		if _, err := io.ReadFull(t.r, t.blk[:]); err != nil {
			return nil, fmt.Errorf("read archive: %w", noEOF(err))
		}
		if t.blk == [blockSize]byte{} {
			if records != nil {
				return nil, errors.New("read archive: it ends after a member's records")
			}
			return nil, t.end()
		}
		h, size, err := parseBlock(&t.blk)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		if h.kind != kindRecords {
			return t.member(h, size, records)
		}
		if records != nil || size > mostRecords {
			return nil, errors.New("read archive: records are doubled or too large")
		}
		body := make([]byte, size+padding(size))
		if _, err := io.ReadFull(t.r, body); err != nil {
			return nil, fmt.Errorf("read archive: %w", noEOF(err))
		}
		if records, err = parseRecords(body[:size]); err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
	}
}

func (t *tarReader) member(h *header, size int64, records map[string]string) (*header, error) {
	h.stored = size
	if err := h.apply(records); err != nil {
		return nil, fmt.Errorf("read archive: member %q: %w", h.path, err)
	}
	h.path = strings.TrimSuffix(h.path, "/")
	if h.kind == kindFile {
		if !h.sparse {
			h.size = h.stored
		}
	} else if h.stored != 0 {
		return nil, fmt.Errorf("read archive: member %q has content where none may be", h.path)
	}
	t.left, t.pad = h.stored, padding(h.stored)
	return h, nil
}

// end expects the second empty block and then nothing but the stream's end, which may be withheld.
func (t *tarReader) end() error {
	n, err := io.ReadFull(t.r, t.blk[:])
	if err != nil {
		return fmt.Errorf("read archive's end: %w", noEOF(err))
	}
	for n > 0 {
		if !bytes.Equal(t.blk[:n], zeros[:n]) {
			return errors.New("read archive's end: something follows it")
		}
		if n, err = t.r.Read(t.blk[:]); err != nil && err != io.EOF {
			return fmt.Errorf("read archive's end: %w", err)
		}
		if n == 0 && err == nil {
			n, err = io.ReadAtLeast(t.r, t.blk[:], 1)
			if err != nil && err != io.EOF {
				return fmt.Errorf("read archive's end: %w", err)
			}
		}
	}
	return io.EOF
}

// Read reads the member's stored bytes.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	if err == io.EOF && t.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func (t *tarReader) skip() error {
	_, err := io.CopyN(io.Discard, t.r, t.left+t.pad)
	t.left, t.pad = 0, 0
	if err != nil {
		return fmt.Errorf("read archive: %w", noEOF(err))
	}
	return nil
}

func parseBlock(b *[blockSize]byte) (*header, int64, error) {
	sum, err := parseOctal(b[148:156])
	if err != nil || sum != checksum(b) {
		return nil, 0, errors.New("a header's checksum is wrong")
	}
	var bad error
	num := func(field []byte) int64 {
		n, err := parseOctal(field)
		bad = errors.Join(bad, err)
		return n
	}
	h := &header{
		path: cstring(b[0:100]), link: cstring(b[157:257]), kind: b[156],
		mode: uint32(num(b[100:108]) & 0o7777), uid: uint32(num(b[108:116])), gid: uint32(num(b[116:124])),
		sec: num(b[136:148]), major: uint32(num(b[329:337])), minor: uint32(num(b[337:345])),
	}
	size := num(b[124:136])
	if prefix := cstring(b[345:500]); prefix != "" {
		h.path = prefix + "/" + h.path
	}
	switch {
	case bad != nil:
		return nil, 0, bad
	case !bytes.Equal(b[257:263], []byte("ustar\x00")):
		return nil, 0, errors.New("a header is not of the PAX format")
	case !strings.ContainsRune("0123456x", rune(h.kind)):
		return nil, 0, fmt.Errorf("a member has the unknown kind %q", h.kind)
	}
	return h, size, nil
}

func checksum(b *[blockSize]byte) int64 {
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum
}

func parseOctal(field []byte) (int64, error) {
	s := strings.Trim(string(field), " \x00")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 8, 62)
	if err != nil {
		return 0, fmt.Errorf("a header's number %q is not octal", s)
	}
	return int64(n), nil
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func parseRecords(b []byte) (map[string]string, error) {
	out := map[string]string{}
	for len(b) > 0 {
		sp := bytes.IndexByte(b, ' ')
		if sp < 1 || sp > 8 {
			return nil, errors.New("a record is malformed")
		}
		n, err := strconv.Atoi(string(b[:sp]))
		if err != nil || n <= sp+1 || n > len(b) || b[n-1] != '\n' {
			return nil, errors.New("a record is malformed")
		}
		key, value, ok := strings.Cut(string(b[sp+1:n-1]), "=")
		if !ok || key == "" {
			return nil, errors.New("a record is malformed")
		}
		out[key] = value
		b = b[n:]
	}
	return out, nil
}

// apply lets records override the block's fields.
func (h *header) apply(rec map[string]string) (err error) {
	number := func(key string, bits int, set func(int64)) {
		v, ok := rec[key]
		if !ok || err != nil {
			return
		}
		n, perr := strconv.ParseUint(v, 10, bits)
		if perr != nil {
			err = fmt.Errorf("record %s: %q is not a number it may have", key, v)
			return
		}
		set(int64(n))
	}
	number("size", 62, func(n int64) { h.stored = n })
	number("uid", 32, func(n int64) { h.uid = uint32(n) })
	number("gid", 32, func(n int64) { h.gid = uint32(n) })
	if v, ok := rec["path"]; ok {
		h.path = v
	}
	if v, ok := rec["linkpath"]; ok {
		h.link = v
	}
	if v, ok := rec["mtime"]; ok && err == nil {
		h.sec, h.nsec, err = parseTime(v)
	}
	if rec["GNU.sparse.major"] == "1" && rec["GNU.sparse.minor"] == "0" && h.kind == kindFile {
		h.sparse, h.path = true, rec["GNU.sparse.name"]
		number("GNU.sparse.realsize", 62, func(n int64) { h.size = n })
	}
	for k, v := range rec {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			h.xattrs = append(h.xattrs, xattr{name, v})
		}
	}
	return err
}

func parseTime(s string) (sec, nsec int64, err error) {
	whole, frac, _ := strings.Cut(s, ".")
	sec, err = strconv.ParseInt(whole, 10, 62)
	if err != nil {
		return 0, 0, fmt.Errorf("time %q is malformed", s)
	}
	if frac != "" {
		frac = (frac + "000000000")[:9]
		if n, perr := strconv.ParseUint(frac, 10, 32); perr == nil {
			nsec = int64(n)
		} else {
			return 0, 0, fmt.Errorf("time %q is malformed", s)
		}
	}
	if strings.HasPrefix(whole, "-") && nsec > 0 {
		sec, nsec = sec-1, 1e9-nsec
	}
	return sec, nsec, nil
}
