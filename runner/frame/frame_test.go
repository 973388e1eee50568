package frame_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/frame"
)

type body struct {
	Read int64 `json:"read"`
}

func ops() map[string]frame.Op {
	return map[string]frame.Op{
		"echo": func(_ context.Context, _ frame.Request, in io.Reader, out io.Writer) (any, error) {
			n, err := io.Copy(out, in)
			return body{n}, err
		},
		"ignore": func(context.Context, frame.Request, io.Reader, io.Writer) (any, error) { return body{7}, nil },
		"fail": func(_ context.Context, _ frame.Request, _ io.Reader, out io.Writer) (any, error) {
			_, err := io.WriteString(out, "some")
			return body{3}, errors.Join(err, errors.New("no space left on the volume"))
		},
		"roots": func(_ context.Context, req frame.Request, _ io.Reader, out io.Writer) (any, error) {
			return req, json.NewEncoder(out).Encode(req.Roots)
		},
		"swallow": func(_ context.Context, _ frame.Request, in io.Reader, _ io.Writer) (any, error) {
			_, _ = io.Copy(io.Discard, in) // as one that commits whatever it got
			return nil, nil
		},
	}
}

// serve starts a helper and returns the host's end and how the helper ended.
func serve(t *testing.T) (io.ReadWriteCloser, <-chan error) {
	t.Helper()
	host, helper := pair(t)
	done := make(chan error, 1)
	go func() { done <- frame.Serve(t.Context(), helper, ops()) }()
	return host, done
}

func pair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestCall_BytesAndTrailerComeBack(t *testing.T) {
	for _, size := range []int{0, 1, 511, 256 << 10, 256<<10 + 1, 3<<20 + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			in := make([]byte, size)
			for i := range in {
				in[i] = byte(rand.Uint32())
			}
			host, done := serve(t)
			var out bytes.Buffer
			var got body
			ready := false
			req := frame.Request{Op: "echo", Ready: func() { ready = true }}
			if err := frame.Call(t.Context(), host, req, iotest.HalfReader(bytes.NewReader(in)), &out, &got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(in, out.Bytes()) || got.Read != int64(size) || !ready {
				t.Errorf("sent %d bytes, got %d back, trailer %+v, ready %v", size, out.Len(), got, ready)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCall_RequestArrives(t *testing.T) {
	host, _ := serve(t)
	want := frame.Request{Op: "roots", Args: json.RawMessage(`{"exclude":["*.log"]}`), Roots: []frame.Root{
		{Path: "/data/a", Mount: "/src/0", Sub: "a", ReadOnly: true}, {Path: "/logs", Mount: "/src/1"},
	}}
	var got frame.Request
	if err := frame.Call(t.Context(), host, want, nil, nil, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCall_FailureOfTheOperationIsAnError(t *testing.T) {
	host, _ := serve(t)
	var out bytes.Buffer
	var got body
	err := frame.Call(t.Context(), host, frame.Request{Op: "fail"}, nil, &out, &got)
	if err == nil || !strings.Contains(err.Error(), "no space left on the volume") {
		t.Errorf("error: %v", err)
	}
	if got.Read != 3 {
		t.Errorf("the trailer of a failure is lost: %+v", got)
	}
}

func TestCall_FailureIsToldWhileInputIsStillComing(t *testing.T) {
	host, _ := serve(t)
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = io.Copy(w, rand.NewChaCha8([32]byte{})) }()
	defer r.Close()
	err := frame.Call(t.Context(), host, frame.Request{Op: "fail"}, r, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error: %v", err)
	}
}

func TestCall_UnknownOperation(t *testing.T) {
	host, _ := serve(t)
	err := frame.Call(t.Context(), host, frame.Request{Op: "format"}, nil, nil, nil)
	if err == nil || !strings.Contains(err.Error(), `unknown operation "format"`) {
		t.Errorf("error: %v", err)
	}
}

// An input that breaks off must never look complete to the helper, nor to the caller.
func TestCall_ErrorOfStdinAborts(t *testing.T) {
	broken := errors.New("the stored hash does not agree")
	for _, op := range []string{"echo", "swallow"} {
		host, done := serve(t)
		in := io.MultiReader(strings.NewReader("half a dump"), iotest.ErrReader(broken))
		if err := frame.Call(t.Context(), host, frame.Request{Op: op}, in, nil, nil); !errors.Is(err, broken) {
			t.Errorf("%s: the caller got %v", op, err)
		}
		if err := <-done; err == nil || !strings.Contains(err.Error(), broken.Error()) {
			t.Errorf("%s: the helper ended with %v", op, err)
		}
	}
}

func TestCall_WrappedEndOfStdinIsAnError(t *testing.T) {
	broken := fmt.Errorf("download: %w", io.EOF)
	host, _ := serve(t)
	err := frame.Call(t.Context(), host, frame.Request{Op: "swallow"}, iotest.ErrReader(broken), nil, nil)
	if err == nil {
		t.Error("an error that wraps io.EOF was taken for the end")
	}
}

func TestCall_UnreadInputIsNoSuccess(t *testing.T) {
	host, _ := serve(t)
	err := frame.Call(t.Context(), host, frame.Request{Op: "ignore"}, strings.NewReader("precious"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "unread") {
		t.Errorf("error: %v", err)
	}
}

func TestCall_ErrorOfStdoutIsReturned(t *testing.T) {
	full := errors.New("disk full")
	host, done := serve(t)
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	if err := frame.Call(t.Context(), host, frame.Request{Op: "echo"}, strings.NewReader("x"), w, nil); !errors.Is(err, full) {
		t.Errorf("error: %v", err)
	}
	<-done
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCall_EndOfContextEndsBothSides(t *testing.T) {
	host, done := serve(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the run took longer than its timeout")
	r, w := io.Pipe()
	defer w.Close()
	defer r.Close()
	req := frame.Request{Op: "echo", Ready: func() { cancel(stopped) }}
	if err := frame.Call(ctx, host, req, r, nil, nil); !errors.Is(err, stopped) {
		t.Errorf("error: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the helper ended well")
	}
}

// recorded is a helper's side that was written down beforehand.
type recorded struct {
	io.Reader
	io.Writer
}

func (recorded) Close() error { return nil }

func transcript(frames ...string) io.ReadWriteCloser {
	return recorded{strings.NewReader(strings.Join(frames, "")), io.Discard}
}

func raw(kind byte, payload string) string {
	n := len(payload)
	return string([]byte{kind, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + payload
}

func TestCall_StreamsThatAreNotWhole(t *testing.T) {
	hello := raw('H', `{"protocol":1}`)
	cases := map[string]struct {
		rw        io.ReadWriteCloser
		noTrailer bool
		text      string
	}{
		"nothing":              {transcript(), true, ""},
		"hello alone":          {transcript(hello), true, ""},
		"data, then the end":   {transcript(hello, raw('D', "dump")), true, ""},
		"cut inside a header":  {transcript(hello, "D\x00\x00"), true, ""},
		"cut inside data":      {transcript(hello, raw('D', "dump")[:7]), true, ""},
		"cut inside a trailer": {transcript(hello, raw('T', `{"ok":true}`)[:9]), true, ""},
		"a trailer of failure": {transcript(hello, raw('T', `{"ok":false,"error":"no"}`)), false, "helper: no"},
		"an empty trailer":     {transcript(hello, raw('T', `{}`)), false, "helper:"},
		"another version":      {transcript(raw('H', `{"protocol":9}`)), false, "same version"},
		"not a helper":         {transcript("Usage: simpledeploy-backup"), false, "does not speak this protocol"},
		"a frame too large":    {transcript(hello, "D\x7f\xff\xff\xff"), false, "are allowed"},
		"an unexpected frame":  {transcript(hello, raw('E', "")), false, "unexpected"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := frame.Call(t.Context(), c.rw, frame.Request{Op: "x"}, nil, nil, nil)
			if err == nil || errors.Is(err, frame.ErrNoTrailer) != c.noTrailer || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestServe_BrokenConnectionIsNoEnd(t *testing.T) {
	request := raw('Q', `{"op":"probe"}`)
	for name, input := range map[string]string{
		"between frames": request + raw('D', "half"),
		"inside a frame": request + raw('D', "half")[:7],
		"inside abort":   request + raw('A', "why")[:6],
		"before data":    request,
	} {
		t.Run(name, func(t *testing.T) {
			var seen error
			probe := func(_ context.Context, _ frame.Request, in io.Reader, _ io.Writer) (any, error) {
				_, seen = io.Copy(io.Discard, in)
				return nil, nil
			}
			err := frame.Serve(t.Context(), transcript(input), map[string]frame.Op{"probe": probe})
			if seen == nil || err == nil {
				t.Errorf("the operation saw %v, the helper ended with %v", seen, err)
			}
		})
	}
}

func FuzzCall(f *testing.F) {
	f.Add([]byte(raw('H', `{"protocol":1}`) + raw('D', "dump") + raw('T', `{"ok":true}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Only a whole trailer makes a success.
		err := frame.Call(t.Context(), recorded{bytes.NewReader(b), io.Discard}, frame.Request{Op: "x"}, nil, nil, nil)
		if err == nil && !bytes.Contains(b, []byte("T")) {
			t.Error("success without a trailer")
		}
	})
}

func FuzzServe(f *testing.F) {
	f.Add([]byte(raw('Q', `{"op":"echo"}`) + raw('D', "dump") + raw('E', "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = frame.Serve(t.Context(), recorded{bytes.NewReader(b), io.Discard}, ops())
	})
}

func BenchmarkCall(b *testing.B) {
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		go func() {
			conn, _ := net.Dial("unix", l.Addr().String())
			_ = frame.Serve(b.Context(), conn, map[string]frame.Op{"zero": func(_ context.Context, _ frame.Request, _ io.Reader, out io.Writer) (any, error) {
				buf := make([]byte, 32<<10)
				for range size / len(buf) {
					if _, err := out.Write(buf); err != nil {
						return nil, err
					}
				}
				return nil, nil
			}})
		}()
		conn, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		if err := frame.Call(b.Context(), conn, frame.Request{Op: "zero"}, nil, io.Discard, nil); err != nil {
			b.Fatal(err)
		}
	}
}
