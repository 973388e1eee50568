package targettest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/net/webdav"
)

// WebDAV is a server of the test's own.
type WebDAV struct{ Addr, Dir string }

// StartWebDAV serves a folder by WebDAV on loopback.
func StartWebDAV(t *testing.T) *WebDAV {
	t.Helper()
	skipShort(t)
	dir := t.TempDir()
	server := httptest.NewServer(&webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return &WebDAV{Addr: server.Listener.Addr().String(), Dir: dir}
}

// Remote defines the server as an rclone remote of that name, reached at addr (the server's own or a Line's). The
// vendor tells rclone what the server can do: "rclone" takes streams, "other" does not.
func (s *WebDAV) Remote(t *testing.T, name, vendor, addr string) {
	t.Helper()
	define(t, name, map[string]string{"type": "webdav", "url": "http://" + addr, "vendor": vendor})
}
