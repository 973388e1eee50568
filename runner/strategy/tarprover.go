package strategy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// newTarProver follows a PAX tar stream: a header whose checksum fits, as many bytes as it says, and so on, until two
// empty blocks after which nothing comes. Its digest does not depend on the order of members: the sum of a hash for
// each over path, kind, mode, size, and the XXH64 of the stored bytes (of the target for a link). Who unpacks the
// archive counts the same.
func newTarProver() Prover { return &tarProver{content: xxhash.New()} }

const (
	tarBlock       = 512
	tarMostRecords = 4 << 20 // of one member: attributes are the largest of them
)

type tarProver struct {
	err     error
	block   [tarBlock]byte
	filled  int    // bytes of block
	records []byte // PAX records being gathered
	want    int    // bytes that records still lacks
	pax     map[string]string
	member  tarMember
	left    int64 // stored bytes of the member still to come
	pad     int64
	content *xxhash.Digest
	empty   int // empty blocks at the end
	proof   Proof
	sum     uint64
	kinds   [256]int64

	// begins and gives, when set, are told of each member and given its stored bytes.
	begins func(path string)
	gives  func([]byte)
}

type tarMember struct {
	path, link string
	kind       byte
	mode       uint32
	size       int64
}

// Write never fails: what is wrong with the stream is told by Proof.
func (t *tarProver) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && t.err == nil {
		p = t.take(p)
	}
	return n, nil
}

// take uses the front of p for what is expected now and gives back the rest.
func (t *tarProver) take(p []byte) []byte {
	switch {
	case t.want > 0:
		n := min(t.want, len(p))
		t.records = append(t.records, p[:n]...)
		if t.want -= n; t.want == 0 {
			t.pax, t.err = parseTarRecords(t.records)
		}
		return p[n:]
	case t.left > 0:
		n := int(min(t.left, int64(len(p))))
		_, _ = t.content.Write(p[:n])
		if t.gives != nil {
			t.gives(p[:n])
		}
		if t.left -= int64(n); t.left == 0 {
			t.count()
		}
		return p[n:]
	case t.pad > 0:
		n := int(min(t.pad, int64(len(p))))
		t.pad -= int64(n)
		return p[n:]
	}
	n := copy(t.block[t.filled:], p)
	if t.filled += n; t.filled == tarBlock {
		t.filled = 0
		t.err = t.header()
	}
	return p[n:]
}

func (t *tarProver) header() error {
	if t.block == [tarBlock]byte{} {
		if t.pax != nil {
			return errors.New("it ends after a member's records")
		}
		t.empty++
		return nil
	}
	if t.empty > 0 {
		return errors.New("something follows its end")
	}
	m, size, err := parseTarBlock(&t.block)
	if err != nil {
		return fmt.Errorf("member %d: %w", t.proof.Entries+1, err)
	}
	if m.kind == 'x' {
		if t.pax != nil || size == 0 || size > tarMostRecords {
			return fmt.Errorf("member %d: its records are doubled, empty or too large", t.proof.Entries+1)
		}
		t.records, t.want, t.pad = t.records[:0], int(size), -size&(tarBlock-1)
		return nil
	}
	if err := m.apply(t.pax, &size); err != nil {
		return fmt.Errorf("member %d: %w", t.proof.Entries+1, err)
	}
	if m.kind != '0' && size != 0 {
		return fmt.Errorf("member %d: it has content where none may be", t.proof.Entries+1)
	}
	t.pax, t.member, t.left, t.pad = nil, m, size, -size&(tarBlock-1)
	t.content.Reset()
	if t.begins != nil {
		t.begins(m.path)
	}
	if size == 0 {
		t.count()
	}
	return nil
}

// count adds the member whose content has just ended.
func (t *tarProver) count() {
	m, sum := t.member, t.content.Sum64()
	if m.kind == '1' || m.kind == '2' {
		sum = xxhash.Sum64String(m.link)
	}
	b := append([]byte(m.path), 0, m.kind)
	b = binary.LittleEndian.AppendUint32(b, m.mode)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint64(b, sum)
	t.sum += xxhash.Sum64(b)
	t.proof.Entries++
	t.proof.Bytes += m.size
	t.kinds[m.kind]++
}

// Proof tells what was in the stream, or why it is not a whole archive.
func (t *tarProver) Proof() (Proof, error) {
	switch {
	case t.err != nil:
		return Proof{}, fmt.Errorf("archive is broken: %w", t.err)
	case t.filled > 0 || t.want > 0 || t.left > 0 || t.pad > 0 || t.pax != nil:
		return Proof{}, fmt.Errorf("archive is cut short in member %d", t.proof.Entries+1)
	case t.empty < 2:
		return Proof{}, fmt.Errorf("archive is cut short: its end mark is missing after %d members", t.proof.Entries)
	case t.proof.Entries == 0:
		return Proof{}, errors.New("archive is empty: it holds no member")
	}
	p := t.proof
	p.Format, p.Digest, p.Detail = "tar", fmt.Sprintf("%016x", t.sum), map[string]int64{}
	for kind, name := range map[byte]string{'0': "files", '1': "hard links", '2': "symbolic links", '3': "devices", '4': "devices", '5': "folders", '6': "fifos"} {
		if n := t.kinds[kind]; n > 0 {
			p.Detail[name] += n
		}
	}
	return p, nil
}

func parseTarBlock(b *[tarBlock]byte) (m tarMember, size int64, err error) {
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	told, err := parseTarOctal(b[148:156])
	if err != nil || told != sum {
		return m, 0, errors.New("its header's checksum is wrong")
	}
	if !bytes.Equal(b[257:263], []byte("ustar\x00")) || !strings.ContainsRune("0123456x", rune(b[156])) {
		return m, 0, errors.New("its header is of a kind that is never written here")
	}
	mode, err := parseTarOctal(b[100:108])
	if err != nil {
		return m, 0, err
	}
	if size, err = parseTarOctal(b[124:136]); err != nil {
		return m, 0, err
	}
	m = tarMember{path: tarString(b[0:100]), link: tarString(b[157:257]), kind: b[156], mode: uint32(mode & 0o7777)}
	if prefix := tarString(b[345:500]); prefix != "" {
		m.path = prefix + "/" + m.path
	}
	return m, size, nil
}

// apply lets PAX records override the block's fields. size becomes that of the stored bytes.
func (m *tarMember) apply(pax map[string]string, size *int64) error {
	number := func(key string, to *int64) error {
		v, ok := pax[key]
		if !ok {
			return nil
		}
		n, err := strconv.ParseUint(v, 10, 62)
		if err != nil {
			return fmt.Errorf("its record %s is not a number", key)
		}
		*to = int64(n)
		return nil
	}
	if err := number("size", size); err != nil {
		return err
	}
	if v, ok := pax["path"]; ok {
		m.path = v
	}
	if v, ok := pax["linkpath"]; ok {
		m.link = v
	}
	if m.kind == '0' {
		m.size = *size
	}
	if m.kind == '0' && pax["GNU.sparse.major"] == "1" && pax["GNU.sparse.minor"] == "0" {
		m.path = pax["GNU.sparse.name"]
		if err := number("GNU.sparse.realsize", &m.size); err != nil {
			return err
		}
	}
	if m.path = strings.TrimSuffix(m.path, "/"); m.path == "" {
		return errors.New("it has no name")
	}
	return nil
}

func parseTarOctal(field []byte) (int64, error) {
	s := strings.Trim(string(field), " \x00")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 8, 62)
	if err != nil {
		return 0, fmt.Errorf("its header's number %q is not octal", s)
	}
	return int64(n), nil
}

func tarString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

func parseTarRecords(b []byte) (map[string]string, error) {
	out := map[string]string{}
	for len(b) > 0 {
		head, _, ok := bytes.Cut(b[:min(len(b), 10)], []byte(" "))
		n, err := strconv.Atoi(string(head))
		if !ok || err != nil || n <= len(head)+1 || n > len(b) || b[n-1] != '\n' {
			return nil, errors.New("a member's records are malformed")
		}
		key, value, ok := strings.Cut(string(b[len(head)+1:n-1]), "=")
		if !ok || key == "" {
			return nil, errors.New("a member's records are malformed")
		}
		out[key], b = value, b[n:]
	}
	return out, nil
}
