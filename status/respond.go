package status

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxBody bounds what a request may carry: all of them are a handful of names.
const maxBody = 64 << 10

// endpoint answers one request with a value or an error.
type endpoint func(s *Server, r *http.Request) (any, error)

// serveJSON makes a handler of an endpoint; code is that of success.
func (s *Server) serveJSON(code int, answer endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := answer(s, r)
		if err != nil {
			writeProblem(w, codeOf(err), err.Error())
			return
		}
		if ready, ok := v.(Ready); ok && !ready.Ready {
			writeJSON(w, http.StatusServiceUnavailable, v)
			return
		}
		writeJSON(w, code, v)
	}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, ready := v.(encodedJSON)
	if !ready {
		var err error
		if body, err = json.Marshal(v); err != nil {
			writeProblem(w, http.StatusInternalServerError, "encode the answer: "+err.Error())
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// The connection is all that could fail here, and then nobody is left to tell.
	_, _ = w.Write(body)
	_, _ = w.Write([]byte{'\n'})
}

// readJSON decodes a body into v; an empty body leaves v as it is. A field that nobody reads is refused, so that a
// misspelt one is not silently left out.
func readJSON(r *http.Request, v any) error {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return &httpError{http.StatusUnsupportedMediaType, "the body must be application/json, not " + kind}
		}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	if err != nil {
		return badRequest("read the body: %v", err)
	}
	if d.More() {
		return badRequest("read the body: more than one JSON value")
	}
	return nil
}
