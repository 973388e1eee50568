package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// maxAnswer bounds what a client takes in: the summary of a thousand jobs is below two megabytes.
const maxAnswer = 256 << 20

// ErrNotRunning says that no server answers on the control socket.
var ErrNotRunning = errors.New("the server is not running")

// APIError is a server's refusal.
type APIError struct {
	Status int
	Title  string
	Detail string
}

func (e *APIError) Error() string {
	if e.Detail == "" {
		return e.Title
	}
	return e.Detail
}

// Client speaks to the server over its control socket. It has one method for each route.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client. It connects with the first request.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// get asks for a path and decodes the answer.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return call[T](ctx, c, http.MethodGet, path, nil)
}

// post sends a body, if there is one, and decodes the answer.
func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	if body == nil {
		return call[T](ctx, c, http.MethodPost, path, nil)
	}
	var zero T
	data, err := json.Marshal(body)
	if err != nil {
		return zero, fmt.Errorf("encode the request: %w", err)
	}
	return call[T](ctx, c, http.MethodPost, path, data)
}

func call[T any](ctx context.Context, c *Client, method, path string, body []byte) (T, error) {
	var answer T
	// The host is never looked up: every connection goes to the socket.
	req, err := http.NewRequestWithContext(ctx, method, "http://simpledeploy-backup"+path, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer, c.explain(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read the server's answer: %w", err)
	}
	if resp.StatusCode >= 400 && !isJSON(resp, "application/json") {
		return answer, refusal(resp, data)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("read the server's answer to %s %s (%s): %w", method, path, resp.Status, err)
	}
	return answer, nil
}

func isJSON(resp *http.Response, kind string) bool {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && media == kind
}

func refusal(resp *http.Response, data []byte) error {
	e := &APIError{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	var p ProblemDetails
	if isJSON(resp, "application/problem+json") && json.Unmarshal(data, &p) == nil {
		e.Title, e.Detail = p.Title, p.Detail
	}
	return e
}

// explain turns what a dial says into what to do.
func (c *Client) explain(err error) error {
	switch {
	case nobodyAnswers(err):
		return fmt.Errorf("%w: nobody answers on %s: start it with \"simpledeploy-backup serve\", run this command inside its "+
			"container, or set SIMPLEDEPLOY_DATA_DIR to its folder", ErrNotRunning, c.socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open the control socket %s: permission denied: run this command as the user that the server runs as", c.socket)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // its URL would name a host that does not exist
		err = wrapped.Err
	}
	return fmt.Errorf("ask the server on %s: %w", c.socket, err)
}

// nobodyAnswers says that a dial of a Unix socket found none, or one that nobody listens on.
func nobodyAnswers(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}
