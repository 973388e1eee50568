package filetree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

// extent is one stretch of data in a sparse file.
type extent struct{ off, len int64 }

// mostExtents bounds the map of one file; behind the last one all is taken as data.
const mostExtents = 64 << 10

// extents asks the file system where the data lie. ok is false when the file has no holes worth a map.
func extents(fd int, st *unix.Stat_t) (list []extent, ok bool) {
	if st.Size < blockSize*2 || st.Blocks*512 >= st.Size {
		return nil, false
	}
	for at := int64(0); at < st.Size; {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return nil, false
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		if err != nil || len(list) == mostExtents {
			hole = st.Size
		}
		if data >= st.Size {
			break
		}
		hole = min(hole, st.Size)
		list = append(list, extent{data, hole - data})
		at = hole
	}
	if len(list) == 1 && list[0] == (extent{0, st.Size}) {
		return nil, false
	}
	return list, true
}

// appendMap writes GNU's sparse map 1.0: decimal lines, padded to whole blocks. A last empty extent marks the size.
func appendMap(buf []byte, list []extent, size int64) []byte {
	if n := len(list); n == 0 || list[n-1].off+list[n-1].len < size {
		list = append(list[:n:n], extent{off: size})
	}
	start := len(buf)
	buf = append(strconv.AppendInt(buf, int64(len(list)), 10), '\n')
	for _, e := range list {
		buf = append(strconv.AppendInt(buf, e.off, 10), '\n')
		buf = append(strconv.AppendInt(buf, e.len, 10), '\n')
	}
	return append(buf, zeros[:padding(int64(len(buf)-start))]...)
}

var errMap = errors.New("sparse map is broken")

// readMap reads the map from the front of a member's stored bytes and checks it against both sizes.
func readMap(r io.Reader, h *header) ([]extent, error) {
	m := mapReader{r: r}
	count, err := m.number()
	if err != nil {
		return nil, err
	}
	if count > mostExtents+2 {
		return nil, fmt.Errorf("%w: it has %d parts", errMap, count)
	}
	list := make([]extent, 0, min(count, 1024))
	end, data := int64(0), int64(0)
	for range count {
		off, err := m.number()
		if err != nil {
			return nil, err
		}
		n, err := m.number()
		if err != nil {
			return nil, err
		}
		if off < end || n > h.size-off {
			return nil, fmt.Errorf("%w: parts overlap or exceed the file", errMap)
		}
		end, data = off+n, data+n
		list = append(list, extent{off, n})
	}
	if m.taken+data != h.stored {
		return nil, fmt.Errorf("%w: it does not fit the stored size", errMap)
	}
	return list, nil
}

// mapReader reads decimal lines out of whole blocks.
type mapReader struct {
	r     io.Reader
	buf   [blockSize]byte
	rest  []byte
	taken int64
}

func (m *mapReader) number() (int64, error) {
	var digits []byte
	for {
		if i := bytes.IndexByte(m.rest, '\n'); i >= 0 {
			digits = append(digits, m.rest[:i]...)
			m.rest = m.rest[i+1:]
			break
		}
		digits = append(digits, m.rest...)
		if len(digits) > 20 {
			return 0, fmt.Errorf("%w: no number where one must be", errMap)
		}
		if _, err := io.ReadFull(m.r, m.buf[:]); err != nil {
			return 0, fmt.Errorf("read sparse map: %w", noEOF(err))
		}
		m.rest, m.taken = m.buf[:], m.taken+blockSize
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: no number where one must be", errMap)
	}
	return n, nil
}

// noEOF makes an end where none may be recognisable as one cut short.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
