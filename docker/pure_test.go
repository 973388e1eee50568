package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/strategy"
)

func TestSettle_WaitsForQuietButNotForEver(t *testing.T) {
	cases := map[string]struct {
		every time.Duration
		count int
		want  time.Duration
	}{
		"one event":             {time.Second, 0, 200 * time.Millisecond},
		"a few close together":  {100 * time.Millisecond, 3, 500 * time.Millisecond},
		"a host without a rest": {50 * time.Millisecond, 1000, time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				events := make(chan int)
				go func() {
					for range c.count {
						sleep(ctx, c.every)
						select {
						case events <- 1:
						case <-ctx.Done():
						}
					}
				}()
				began := time.Now()
				if err := settle(ctx, events, nil, quiet, patience); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("took %s, want %s", took, c.want)
				}
				cancel()
			})
		})
	}
}

func TestSettle_BrokenStreamIsAnError(t *testing.T) {
	broken := make(chan error, 1)
	close(broken)
	if err := settle(t.Context(), make(chan int), broken, quiet, patience); err == nil {
		t.Error("a closed stream is taken for quiet")
	}
}

func frames(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		n := len(p) - 1
		b.Write([]byte{p[0] - '0', 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		b.WriteString(p[1:])
	}
	return b.String()
}

func TestDemux(t *testing.T) {
	var out, errs bytes.Buffer
	whole := frames("1dump ", "2notice", "1goes on")
	if err := demux(&out, &errs, iotest.OneByteReader(strings.NewReader(whole))); err != nil {
		t.Fatal(err)
	}
	if out.String() != "dump goes on" || errs.String() != "notice" {
		t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
	}
}

// The client's own demultiplexer takes a stream that ends inside a header for a whole one.
func TestDemux_CutStreamIsAnError(t *testing.T) {
	whole := frames("1dump", "1goes on")
	for n := range len(whole) {
		err := demux(io.Discard, io.Discard, strings.NewReader(whole[:n]))
		if between := n == 0 || n == len(frames("1dump")); (err == nil) != between {
			t.Errorf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if err := demux(io.Discard, io.Discard, strings.NewReader("HTTP/1.1 200 OK")); err == nil {
		t.Error("nonsense is accepted")
	}
}

func TestFirstWords_HoldBackOnlyTheEnginesRefusal(t *testing.T) {
	const message = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown\r\n"
	cases := map[string]struct{ in, out, refusal string }{
		"a dump":                      {"-- PostgreSQL database dump\n", "-- PostgreSQL database dump\n", ""},
		"a dump that begins the same": {"OCI images of the year\n", "OCI images of the year\n", ""},
		"the engine's message":        {message, "", strings.TrimSpace(message)},
		"a long text about it":        {message + strings.Repeat("x", tailSize), message + strings.Repeat("x", tailSize), ""},
		"nothing":                     {"", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			f := newFirstWords(&out)
			if _, err := io.Copy(writeOnly{f}, iotest.OneByteReader(strings.NewReader(c.in))); err != nil {
				t.Fatal(err)
			}
			refusal := f.refusal()
			if refusal == "" {
				f.release()
			}
			if out.String() != c.out || refusal != c.refusal {
				t.Errorf("out %q, refusal %q", out.String(), refusal)
			}
		})
	}
}

type writeOnly struct{ io.Writer }

func TestPidLine_IsTakenOut(t *testing.T) {
	var out bytes.Buffer
	l := newPidLine(&out)
	text := "bash: warning: setlocale\n" + l.token + " 4711\npg_dump: error: no\nlast words"
	if _, err := io.Copy(writeOnly{l}, iotest.OneByteReader(strings.NewReader(text))); err != nil {
		t.Fatal(err)
	}
	l.end()
	if want := "bash: warning: setlocale\npg_dump: error: no\nlast words"; out.String() != want || l.pid != 4711 || !l.started() {
		t.Errorf("pid %d, stderr %q", l.pid, out.String())
	}
}

func TestPidLine_WithoutOneAllIsPassedOn(t *testing.T) {
	var out bytes.Buffer
	l := newPidLine(&out)
	_, _ = io.WriteString(l, "no shell here")
	if l.end(); out.String() != "no shell here" || l.started() {
		t.Errorf("stderr %q, started %v", out.String(), l.started())
	}
}

func TestTail_KeepsTheEnd(t *testing.T) {
	var last tail
	for range 100 {
		_, _ = last.Write(bytes.Repeat([]byte("x"), 100))
	}
	_, _ = last.Write([]byte("the reason\n"))
	if got := last.String(); len(got) > tailSize || !strings.HasSuffix(got, "xthe reason") {
		t.Errorf("%d bytes, ending %q", len(got), got[max(0, len(got)-20):])
	}
}

func TestDigestFor(t *testing.T) {
	digests := []string{"registry:5000/postgres@sha256:aa", "postgres@sha256:bb"}
	for image, want := range map[string]string{
		"postgres:17": "sha256:bb", "postgres": "sha256:bb", "postgres@sha256:bb": "sha256:bb",
		"registry:5000/postgres": "sha256:aa", "registry:5000/postgres:17": "sha256:aa", "renamed": "sha256:aa",
	} {
		if got := digestFor(image, digests); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
	if got := digestFor("local", nil); got != "" {
		t.Errorf("an image without a digest has %q", got)
	}
}

func TestOwnName_IsNotALinksAlias(t *testing.T) {
	if got := ownName([]string{"/web/db", "/shop-db-1"}); got != "shop-db-1" {
		t.Errorf("got %q", got)
	}
}

func TestShares(t *testing.T) {
	vol := func(name string) strategy.Mount {
		return strategy.Mount{Type: "volume", Name: name, Source: "/v/" + name + "/_data"}
	}
	dir := func(source string) strategy.Mount { return strategy.Mount{Type: "bind", Source: source} }
	cases := map[string]struct {
		theirs, ours strategy.Mount
		want         bool
	}{
		"the same volume":          {vol("a"), vol("a"), true},
		"another volume":           {vol("ab"), vol("a"), false},
		"the volume's folder":      {dir("/v/a/_data"), vol("a"), true},
		"the same folder":          {dir("/srv/a"), dir("/srv/a"), true},
		"a folder below":           {dir("/srv/a/b"), dir("/srv/a"), true},
		"a name that begins alike": {dir("/srv/ab"), dir("/srv/a"), false},
		"the host's root":          {dir("/"), dir("/srv/a"), false},
		"memory":                   {strategy.Mount{Type: "tmpfs"}, strategy.Mount{Type: "tmpfs"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := shares([]strategy.Mount{c.theirs}, []strategy.Mount{c.ours}); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestOverlap(t *testing.T) {
	cases := map[string]struct {
		a, b []string
		want bool
	}{
		"all and all":  {nil, nil, true},
		"all and one":  {nil, []string{"shop"}, true},
		"the same":     {[]string{"blog", "shop"}, []string{"shop"}, true},
		"others":       {[]string{"blog"}, []string{"shop"}, false},
		"self, lonely": {resolve([]string{"self"}, ""), []string{"shop"}, false},
		"self":         {resolve([]string{" self "}, "shop"), []string{"shop"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := overlap(c.a, c.b); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if diff := cmp.Diff([]string(nil), resolve([]string{"", " "}, "shop")); diff != "" {
		t.Error(diff)
	}
}

func TestConnect_AddressThatCannotWork(t *testing.T) {
	for _, host := range []string{"ssh://root@host", "nonsense"} {
		t.Setenv("DOCKER_HOST", host)
		if _, err := Connect(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "DOCKER_HOST") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestConnect_EngineAwayIsToldByPing(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/none.sock")
	e, err := Connect(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error: %v", err)
	}
	if _, err := e.List(t.Context()); err == nil || errors.Is(err, strategy.ErrNoContainer) {
		t.Errorf("error: %v", err)
	}
}
