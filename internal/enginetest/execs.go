package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// dialEngine connects to the engine itself.
func dialEngine(ctx context.Context, _, _ string) (net.Conn, error) {
	host := os.Getenv("TEST_DOCKER_HOST") // DOCKER_HOST may name a proxy of ours
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	network, address, _ := strings.Cut(host, "://")
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// Execs is what the engine tells of each command that runs in the container now, as it tells it. The command line has
// no word for it.
func (c *Container) Execs(ctx context.Context) ([]string, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: dialEngine, DisableKeepAlives: true}}
	var inspect struct{ ExecIDs []string }
	about, err := ask(ctx, client, "/containers/"+c.ID+"/json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(about, &inspect); err != nil {
		return nil, fmt.Errorf("read what the engine tells of %s: %w", c.Name, err)
	}
	var out []string
	for _, id := range inspect.ExecIDs {
		about, err := ask(ctx, client, "/exec/"+id+"/json")
		if err != nil {
			return nil, err
		}
		if about != nil {
			out = append(out, string(about))
		}
	}
	return out, nil
}

// ask returns the engine's answer; nil: there is no such thing (any more).
func ask(ctx context.Context, client *http.Client, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the engine for %s: %w", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the engine for %s: %s: %w", path, answer.Status, err)
	}
	return body, nil
}
