package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// ProblemDetails is an error as RFC 9457 writes it.
type ProblemDetails struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// httpError is an error that knows its status code.
type httpError struct {
	code   int
	detail string
}

func (e *httpError) Error() string { return e.detail }

func badRequest(format string, args ...any) error {
	return &httpError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &httpError{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// codeOf is the status code that fits an error.
func codeOf(err error) int {
	var known *httpError
	var missing *runner.NotFoundError
	var refused *runner.RefusedError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &missing), errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound
	case errors.As(err, &refused):
		return http.StatusConflict
	case errors.Is(err, store.ErrBadCursor):
		return http.StatusBadRequest
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, code int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	// The connection is all that could fail here, and then nobody is left to tell.
	_ = json.NewEncoder(w).Encode(ProblemDetails{
		Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: detail,
	})
}
