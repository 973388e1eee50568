package frame

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Op is one operation in the helper. stdin gives io.EOF only after the whole input has arrived, and another error
// when the host aborted or is gone: an operation must read it to its end before it commits anything. body goes into
// the trailer as JSON, also beside an error.
type Op func(ctx context.Context, req Request, stdin io.Reader, stdout io.Writer) (body any, err error)

// Serve answers one call on rw and returns the operation's error. An operation that succeeded but left input
// unread is a failure: it has committed without knowing whether the input was whole. rw is closed at the end; the
// end of ctx closes it at once.
func Serve(ctx context.Context, rw io.ReadWriteCloser, ops map[string]Op) error {
	defer rw.Close()
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	defer stop()

	if err := writeJSON(rw, kindHello, hello{Protocol: Version}); err != nil {
		return fmt.Errorf("greet the host: %w", err)
	}
	r := bufio.NewReaderSize(rw, 64<<10)
	req, err := readRequest(r)
	if err != nil {
		return err
	}
	in, out := &dataReader{r: r}, newDataWriter(rw)
	body, err := perform(ctx, req, ops, in, out)
	if flushErr := out.close(); err == nil && flushErr != nil {
		err = fmt.Errorf("write output: %w", flushErr)
	}
	if err := writeTrailer(rw, body, err); err != nil {
		_, _ = in.rest() // lets the host finish its write and read the trailer
		return err
	}
	return nil
}

func perform(ctx context.Context, req Request, ops map[string]Op, in *dataReader, out io.Writer) (any, error) {
	op, ok := ops[req.Op]
	if !ok {
		return nil, fmt.Errorf("unknown operation %q", req.Op)
	}
	body, err := op(ctx, req, in, out)
	if err != nil {
		return body, err
	}
	unread, err := in.rest()
	if err != nil {
		return body, err
	}
	if unread > 0 {
		return body, fmt.Errorf("operation %q left %d bytes of its input unread", req.Op, unread)
	}
	return body, nil
}

func readRequest(r io.Reader) (Request, error) {
	kind, n, err := readHeader(r)
	if err != nil {
		return Request{}, fmt.Errorf("read request: %w", noEOF(err))
	}
	if kind != kindRequest {
		return Request{}, fmt.Errorf("read request: unexpected frame of kind %q", kind)
	}
	b, err := readPayload(r, n)
	if err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	var req Request
	if err := json.Unmarshal(b, &req); err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	return req, nil
}

func writeTrailer(w io.Writer, body any, opErr error) error {
	t := trailer{}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			opErr = errors.Join(opErr, fmt.Errorf("encode trailer: %w", err))
		} else {
			t.Body = b
		}
	}
	if t.OK = opErr == nil; !t.OK {
		t.Error = short(opErr.Error())
	}
	if err := writeJSON(w, kindTrailer, t); err != nil {
		return errors.Join(opErr, fmt.Errorf("write trailer: %w", err))
	}
	return opErr
}
