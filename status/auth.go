package status

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// access is what a route asks of its caller.
type access int

const (
	// open routes are for probes: they need no token and tell nothing of the data.
	open access = iota
	// read routes need the token once there is one.
	read
	// write routes are closed over TCP until there is a token, and then need it.
	write
)

func (a access) String() string {
	return [...]string{"open", "read", "write"}[a]
}

// admit lets a request through to next or answers it. The control socket is trusted: its file's mode is the lock.
func (s *Server) admit(need access, trusted bool, next http.Handler) http.Handler {
	if trusted || need == open {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.token == "" && need == read, s.token != "" && s.authorized(r, need):
			next.ServeHTTP(w, r)
		case s.token == "":
			writeProblem(w, http.StatusForbidden, "changes over TCP are closed as long as no token is set: "+
				"set SIMPLEDEPLOY_TOKEN, or use the command line inside the container")
		default:
			w.Header().Add("WWW-Authenticate", `Bearer realm="simpledeploy-backup"`)
			if need == read {
				w.Header().Add("WWW-Authenticate", `Basic realm="simpledeploy-backup", charset="UTF-8"`)
			}
			writeProblem(w, http.StatusUnauthorized,
				"a token is needed: send SIMPLEDEPLOY_TOKEN's value as \"Authorization: Bearer TOKEN\"")
		}
	})
}

// authorized compares in constant time. Reading also takes the token as the password of Basic, so that a browser can
// show the page; writing does not, because browsers send Basic credentials along by themselves.
func (s *Server) authorized(r *http.Request, need access) bool {
	kind, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(kind, "Bearer"):
		given = strings.TrimSpace(given)
	case need == read:
		_, password, ok := r.BasicAuth()
		if !ok {
			return false
		}
		given = password
	default:
		return false
	}
	want, got := sha256.Sum256([]byte(s.token)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
