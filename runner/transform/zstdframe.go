package transform

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindow bounds the memory that a frame can ask for; stock zstd needs 8 MiB at level 19.
	maxWindow = 32 << 20
	// maxParallel is the largest frame that is decoded as a whole, beside others; larger ones, and those that
	// do not state their size, are streamed.
	maxParallel = 4 << 20
	// maxPacked bounds the stored size of such a frame: what does not compress grows by a few bytes a block,
	// but endless empty blocks would fit any stated size.
	maxPacked = maxParallel + maxParallel/16

	blockHeaderSize = 3
	blockTypeRLE    = 1
	checksumSize    = 4
)

var errFrameTooLong = errors.New("a frame is longer than its content can be")

// frameBytes yields the stored bytes of exactly one frame. The format does not state a frame's stored length, so
// it is found by stepping from block to block.
type frameBytes struct {
	src      *bufio.Reader
	left     int // bytes of the current piece still to be read
	checksum bool
	last     bool // no block comes after the current piece
	done     bool
}

// peekHeader reads the next frame's header without consuming it. A clean end of the stream is io.EOF.
func peekHeader(src *bufio.Reader) (zstd.Header, error) {
	var h zstd.Header
	b, err := src.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	if len(b) == 0 {
		return h, io.EOF
	}
	return h, h.Decode(b)
}

func newFrameBytes(src *bufio.Reader, h zstd.Header) *frameBytes {
	return &frameBytes{src: src, left: h.HeaderSize, checksum: h.HasCheckSum}
}

func (f *frameBytes) Read(p []byte) (int, error) {
	if f.left == 0 {
		if err := f.nextPiece(); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.src.Read(p[:min(len(p), f.left)])
	f.left -= n
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, io.ErrUnexpectedEOF
	}
	if n > 0 {
		err = nil // it comes again with the next read
	}
	return n, err
}

// nextPiece sets left to the length of the next block with its header, or of the checksum.
func (f *frameBytes) nextPiece() error {
	if f.done {
		return io.EOF
	}
	if f.last {
		f.done = true
		if !f.checksum {
			return io.EOF
		}
		f.left = checksumSize
		return nil
	}
	b, err := f.src.Peek(blockHeaderSize)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	header := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	f.last = header&1 == 1
	size := int(header >> 3)
	if header>>1&3 == blockTypeRLE {
		size = 1
	}
	f.left = blockHeaderSize + size
	return nil
}

// readWhole appends a whole frame's stored bytes to buf, within maxPacked.
func (f *frameBytes) readWhole(buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):min(cap(buf), maxPacked+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF { //nolint:errorlint // nextPiece returns it bare; a wrapped one is the source's
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
		if len(buf) > maxPacked {
			return buf, errFrameTooLong
		}
	}
}

// skipFrame passes over a skippable frame, in which other tools keep notes of their own.
func skipFrame(src *bufio.Reader, h zstd.Header) error {
	length := int64(h.HeaderSize) + int64(h.SkippableSize)
	n, err := io.CopyN(io.Discard, src, length)
	if n < length && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkHeader refuses what would need more memory than is allowed, or a dictionary that nobody has.
func checkHeader(h zstd.Header) error {
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
	}
	if window > maxWindow {
		return fmt.Errorf("its window of %d bytes is larger than the %d allowed: recompress it with a smaller one", window, maxWindow)
	}
	if h.DictionaryID != 0 {
		return fmt.Errorf("it needs the dictionary %d: recompress it without one", h.DictionaryID)
	}
	return nil
}
