package filetree

import (
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const blockSize = 512

// Kinds of members, as tar numbers them.
const (
	kindFile    = '0'
	kindHard    = '1'
	kindLink    = '2'
	kindChar    = '3'
	kindBlock   = '4'
	kindFolder  = '5'
	kindFIFO    = '6'
	kindRecords = 'x'
)

type xattr struct{ Name, Value string }

// header is one member of an archive.
type header struct {
	path         string // without leading or trailing slash
	link         string
	kind         byte
	mode         uint32 // permissions with setuid, setgid and sticky
	uid, gid     uint32
	size         int64 // of the file's content, holes counted
	stored       int64 // bytes that follow in the archive, padding not counted
	sec, nsec    int64
	major, minor uint32
	xattrs       []xattr
	sparse       bool // what is stored begins with a map
}

// fill takes the metadata from a stat.
func (h *header) fill(st *unix.Stat_t) {
	h.mode, h.uid, h.gid = st.Mode&0o7777, st.Uid, st.Gid
	h.sec, h.nsec = st.Mtim.Sec, st.Mtim.Nsec
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.kind, h.size, h.stored = kindFile, st.Size, st.Size
	case unix.S_IFDIR:
		h.kind = kindFolder
	case unix.S_IFLNK:
		h.kind = kindLink
	case unix.S_IFIFO:
		h.kind = kindFIFO
	case unix.S_IFCHR:
		h.kind = kindChar
	case unix.S_IFBLK:
		h.kind = kindBlock
	}
	if h.kind == kindChar || h.kind == kindBlock {
		h.major, h.minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
	}
}

// append writes the member's blocks behind buf. What ustar's fields cannot hold goes into PAX records before it.
func (h *header) append(buf []byte) []byte {
	name := h.path
	if h.kind == kindFolder {
		name += "/"
	}
	rec := map[string]string{}
	h.records(rec)
	short, prefix, ok := splitName(name)
	if h.sparse {
		short, prefix = clip("GNUSparseFile.0/"+name[strings.LastIndexByte(name, '/')+1:]), ""
	} else if !ok {
		rec["path"] = name
		short, prefix = clip(name), ""
	}
	if len(h.link) > 100 {
		rec["linkpath"] = h.link
	}
	if h.stored >= 1<<33 {
		rec["size"] = strconv.FormatInt(h.stored, 10)
	}
	if len(rec) > 0 {
		body := appendRecords(nil, rec)
		buf = appendBlock(buf, &block{name: "PaxHeader/record", kind: kindRecords, mode: 0o644, size: int64(len(body))})
		buf = appendPadded(buf, body)
	}
	return appendBlock(buf, &block{
		name: short, prefix: prefix, link: clip(h.link), kind: h.kind, mode: h.mode, uid: h.uid, gid: h.gid,
		size: h.stored, sec: h.sec, major: h.major, minor: h.minor,
	})
}

func (h *header) records(rec map[string]string) {
	if h.nsec != 0 || h.sec < 0 || h.sec >= 1<<33 {
		rec["mtime"] = formatTime(h.sec, h.nsec)
	}
	if h.uid >= 1<<21 {
		rec["uid"] = strconv.FormatUint(uint64(h.uid), 10)
	}
	if h.gid >= 1<<21 {
		rec["gid"] = strconv.FormatUint(uint64(h.gid), 10)
	}
	for _, x := range h.xattrs {
		rec["SCHILY.xattr."+x.Name] = x.Value
	}
	if h.sparse {
		rec["GNU.sparse.major"], rec["GNU.sparse.minor"] = "1", "0"
		rec["GNU.sparse.name"] = h.path
		rec["GNU.sparse.realsize"] = strconv.FormatInt(h.size, 10)
	}
}

func clip(s string) string { return s[:min(len(s), 100)] }

// splitName fits a name into ustar's 100 bytes and its prefix of 155.
func splitName(name string) (short, prefix string, ok bool) {
	if len(name) <= 100 {
		return name, "", true
	}
	for i := min(155, len(name)-2); i > 0 && len(name)-i-1 <= 100; i-- {
		if name[i] == '/' {
			return name[i+1:], name[:i], true
		}
	}
	return "", "", false
}

func formatTime(sec, nsec int64) string {
	sign := ""
	if sec < 0 && nsec > 0 { // -1.25 s is kept as -2 s + 0.75 s
		sec, nsec = sec+1, 1e9-nsec
		if sec == 0 {
			sign = "-"
		}
	}
	frac := strconv.FormatInt(nsec+1e9, 10)[1:]
	return strings.TrimSuffix(strings.TrimRight(sign+strconv.FormatInt(sec, 10)+"."+frac, "0"), ".")
}

// appendRecords writes "length key=value\n" lines, the length counting itself.
func appendRecords(buf []byte, rec map[string]string) []byte {
	keys := make([]string, 0, len(rec))
	for k := range rec {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		n := len(k) + len(rec[k]) + 3
		total := n + len(strconv.Itoa(n))
		if len(strconv.Itoa(total)) > len(strconv.Itoa(n)) {
			total++
		}
		buf = strconv.AppendInt(buf, int64(total), 10)
		buf = append(append(append(append(append(buf, ' '), k...), '='), rec[k]...), '\n')
	}
	return buf
}

// block is one ustar header block.
type block struct {
	name, prefix, link string
	kind               byte
	mode, uid, gid     uint32
	size, sec          int64
	major, minor       uint32
}

var zeros [64 << 10]byte

func appendBlock(buf []byte, b *block) []byte {
	start := len(buf)
	buf = append(buf, zeros[:blockSize]...)
	p := buf[start:]
	copy(p[0:100], b.name)
	octal(p[100:108], uint64(b.mode))
	octal(p[108:116], within(uint64(b.uid), 21))
	octal(p[116:124], within(uint64(b.gid), 21))
	octal(p[124:136], within(uint64(b.size), 33))
	octal(p[136:148], within(uint64(max(b.sec, 0)), 33))
	p[156] = b.kind
	copy(p[157:257], b.link)
	copy(p[257:265], "ustar\x0000")
	octal(p[329:337], uint64(b.major))
	octal(p[337:345], uint64(b.minor))
	copy(p[345:500], b.prefix)
	sum := uint64(8 * ' ')
	for _, c := range p {
		sum += uint64(c)
	}
	octal(p[148:155], sum)
	p[155] = ' '
	return buf
}

// within is 0 for what does not fit in so many bits: a PAX record says the true value then.
func within(v uint64, bits int) uint64 {
	if v >= 1<<bits {
		return 0
	}
	return v
}

// octal fills a field but for its last byte, which stays NUL.
func octal(field []byte, v uint64) {
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = byte('0' + v&7)
		v >>= 3
	}
}

func padding(n int64) int64 { return -n & (blockSize - 1) }

func appendPadded(buf, body []byte) []byte {
	buf = append(buf, body...)
	return append(buf, zeros[:padding(int64(len(body)))]...)
}
