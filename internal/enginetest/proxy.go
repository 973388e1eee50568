package enginetest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
)

// Proxy stands between a client and the engine, as socket proxies do: it lets only listed requests through. It can
// be stopped and started again, which is how tests take the engine away.
type Proxy struct {
	path    string // of its socket
	allowed []*regexp.Regexp

	mu      sync.Mutex
	server  *http.Server
	conns   map[net.Conn]struct{}
	refused []string
}

var apiVersion = regexp.MustCompile(`^/v1\.[0-9]+`)

// NewProxy starts a proxy. Each rule is a regular expression over "METHOD /path", the version left out of the path,
// and must match as a whole; no rule lets everything through.
func NewProxy(t testing.TB, rules ...string) *Proxy {
	t.Helper()
	Require(t)
	dir, err := os.MkdirTemp("", "proxy") //nolint:usetesting // a test's own folder may be too long for a socket's address
	if err != nil {
		t.Fatalf("make proxy folder: %v", err)
	}
	p := &Proxy{path: filepath.Join(dir, "docker.sock")}
	for _, rule := range rules {
		p.allowed = append(p.allowed, regexp.MustCompile("^(?:"+rule+")$"))
	}
	p.Start(t)
	t.Cleanup(func() {
		p.Stop()
		os.RemoveAll(dir)
	})
	return p
}

// Host is what DOCKER_HOST has to be.
func (p *Proxy) Host() string { return "unix://" + p.path }

// Start opens the socket, again after a Stop.
func (p *Proxy) Start(t testing.TB) {
	t.Helper()
	l, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	reverse := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport:     &http.Transport{DialContext: p.dialEngine, DisableCompression: true},
		FlushInterval: -1,
	}
	server := &http.Server{Handler: p.filter(reverse)}
	p.mu.Lock()
	p.server, p.conns = server, map[net.Conn]struct{}{}
	p.mu.Unlock()
	go func() { _ = server.Serve(&tracked{Listener: l, p: p}) }()
}

// Stop closes the socket and cuts every connection.
func (p *Proxy) Stop() {
	p.mu.Lock()
	server := p.server
	p.mu.Unlock()
	_ = server.Close()
	p.Cut()
}

// Cut breaks the connections that are open now; new ones are welcome.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.conns = map[net.Conn]struct{}{}
}

// Refused lists what was asked for and not allowed.
func (p *Proxy) Refused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.refused)
}

func (p *Proxy) filter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Method + " " + apiVersion.ReplaceAllString(r.URL.Path, "")
		ok := len(p.allowed) == 0 || slices.ContainsFunc(p.allowed, func(rule *regexp.Regexp) bool { return rule.MatchString(asked) })
		if ok {
			next.ServeHTTP(w, r)
			return
		}
		p.mu.Lock()
		p.refused = append(p.refused, asked)
		p.mu.Unlock()
		http.Error(w, fmt.Sprintf("%s is not allowed", asked), http.StatusForbidden)
	})
}

func (p *Proxy) dialEngine(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := dialEngine(ctx, "", "")
	if err != nil {
		return nil, err
	}
	p.track(conn)
	return conn, nil
}

func (p *Proxy) track(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
}

// tracked remembers connections, since a server forgets those that were taken over.
type tracked struct {
	net.Listener
	p *Proxy
}

func (l *tracked) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.p.track(c)
	}
	return c, err
}
