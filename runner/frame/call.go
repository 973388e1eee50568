package frame

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Call runs one operation in the helper at the other end of rw and returns nil only when a trailer has said that
// it went well. The helper's output goes to stdout, its input is stdin to io.EOF (nil: empty); another error of
// stdin aborts the operation and is returned. result, when not nil, is filled from the trailer, also from one that
// tells a failure. rw is closed when Call returns; the end of ctx closes it at once. A Read of stdin may still be
// waiting then: nothing of it is used.
func Call(ctx context.Context, rw io.ReadWriteCloser, req Request, stdin io.Reader, stdout io.Writer, result any) error {
	defer rw.Close()
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	defer stop()

	err := call(rw, req, stdin, stdout, result)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func call(rw io.ReadWriteCloser, req Request, stdin io.Reader, stdout io.Writer, result any) error {
	r := bufio.NewReaderSize(rw, 64<<10)
	if err := readHello(r); err != nil {
		return err
	}
	if req.Ready != nil {
		req.Ready()
	}
	ended := make(chan error, 1) // how stdin ended, told before the helper can know
	go send(rw, req, stdin, ended)

	t, err := receive(r, stdout)
	if err == nil {
		err = conclude(t, result)
	}
	select {
	case stdinErr := <-ended:
		if stdinErr != nil {
			return withCause(stdinErr, err)
		}
	default:
		if err == nil {
			return errors.New("run helper: it claims success before its input had ended")
		}
	}
	return err
}

// withCause puts the input's own error first; what the helper said is worth telling only if it is another story.
func withCause(stdinErr, err error) error {
	if err == nil || strings.Contains(err.Error(), short(stdinErr.Error())) {
		return stdinErr
	}
	return errors.Join(stdinErr, err)
}

func conclude(t trailer, result any) error {
	if result != nil && len(t.Body) > 0 {
		if err := json.Unmarshal(t.Body, result); err != nil {
			return fmt.Errorf("read the helper's trailer: %w", err)
		}
	}
	if !t.OK {
		return fmt.Errorf("helper: %s", t.Error)
	}
	return nil
}

func readHello(r io.Reader) error {
	kind, n, err := readHeader(r)
	if err != nil {
		return endOf(err)
	}
	b, err := readPayload(r, n)
	if err != nil {
		return endOf(err)
	}
	var h hello
	if kind != kindHello || json.Unmarshal(b, &h) != nil {
		return errors.New("read the helper's greeting: this is not a helper")
	}
	if h.Protocol != Version {
		return fmt.Errorf("read the helper's greeting: it speaks protocol %d, not %d: the helper's image must be of the same version as the appliance", h.Protocol, Version)
	}
	return nil
}

// send writes request and input. A connection that breaks meanwhile is not told here: the receiving side has the
// better story.
func send(w io.Writer, req Request, stdin io.Reader, ended chan<- error) {
	if err := writeJSON(w, kindRequest, req); err != nil {
		return
	}
	if stdin != nil {
		data := newDataWriter(w)
		source := &sourceReader{r: stdin}
		_, err := io.CopyBuffer(onlyWriter{data}, source, make([]byte, 64<<10))
		if source.err != nil {
			ended <- source.err
			_ = writeFrame(w, kindAbort, []byte(short(source.err.Error())))
			return
		}
		if err != nil || data.close() != nil {
			return
		}
	}
	ended <- nil
	_ = writeFrame(w, kindEnd, nil)
}

// sourceReader remembers the source's own error, apart from those of the connection.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

type onlyWriter struct{ io.Writer }

// receive copies data to stdout until the trailer.
func receive(r io.Reader, stdout io.Writer) (trailer, error) {
	if stdout == nil {
		stdout = io.Discard
	}
	buf := make([]byte, dataSize)
	for {
		kind, n, err := readHeader(r)
		if err != nil {
			return trailer{}, endOf(err)
		}
		switch kind {
		case kindData:
			if _, err := io.ReadFull(r, buf[:n]); err != nil {
				return trailer{}, endOf(err)
			}
			if _, err := stdout.Write(buf[:n]); err != nil {
				return trailer{}, fmt.Errorf("write the helper's output: %w", err)
			}
		case kindTrailer:
			return readTrailer(r, n)
		default:
			return trailer{}, fmt.Errorf("read the helper's output: unexpected frame of kind %q", kind)
		}
	}
}

func readTrailer(r io.Reader, n int) (trailer, error) {
	b, err := readPayload(r, n)
	if err != nil {
		return trailer{}, endOf(err)
	}
	var t trailer
	if err := json.Unmarshal(b, &t); err != nil {
		return trailer{}, fmt.Errorf("read the helper's trailer: %w", err)
	}
	return t, nil
}

// endOf makes every way in which a connection can end early recognisable as ErrNoTrailer. One that talks nonsense
// did not end early.
func endOf(err error) error {
	if errors.Is(err, errProtocol) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrNoTrailer
	}
	return fmt.Errorf("%w: %w", ErrNoTrailer, err)
}

func short(s string) string {
	const most = 4 << 10
	if len(s) > most {
		return s[:most]
	}
	return s
}
