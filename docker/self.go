package docker

import (
	"bufio"
	"context"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/strategy"
)

// self is our own container.
type self struct {
	found bool // false: we run in none that this engine knows
	info  strategy.Info
	raw   container.InspectResponse
}

// Self is our own container, when we run in one of this engine.
func (e *Engine) Self() (strategy.Info, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.self == nil {
		return strategy.Info{}, false
	}
	return e.self.info, e.self.found
}

// identify finds our own container. It asks the engine until that has answered once.
func (e *Engine) identify(ctx context.Context) error {
	e.mu.Lock()
	known := e.self != nil
	e.mu.Unlock()
	if known {
		return nil
	}
	hostname, _ := os.Hostname()
	found, err := e.lookup(ctx, ownIDs(hostname, readProc("/proc/self/mountinfo"), readProc("/proc/self/cgroup")), hostname)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.self = &found
	return nil
}

// lookup asks for each candidate. An id of 64 digits is ours beyond doubt; a host name of twelve digits counts only
// if the container has it and its id begins with it: a host name is free text, and could name somebody else.
func (e *Engine) lookup(ctx context.Context, ids []string, hostname string) (self, error) {
	for _, id := range ids {
		r, err := e.cli.ContainerInspect(ctx, id)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return self{}, e.explain("find our own container", err)
		}
		sure := r.ContainerJSONBase != nil && r.Config != nil && strings.HasPrefix(r.ID, id) &&
			(len(id) == 64 || r.Config.Hostname == hostname)
		if sure {
			return self{found: true, info: fromInspect(r), raw: r}, nil
		}
	}
	return self{}, nil
}

var (
	fullID  = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// ownIDs lists what may be our container's id, surest first: the engine mounts /etc/hostname and its like from a
// folder that is named by it; cgroup v1 (and v2 without a namespace of its own) has it in the path; the host name is
// its beginning unless somebody chose another.
func ownIDs(hostname, mountinfo, cgroup string) []string {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for line := range strings.Lines(mountinfo) {
		// mountinfo: id parent device root mount-point …. On a host other containers' folders are mount points,
		// so only the roots of these three files count.
		f := strings.Fields(line)
		if len(f) > 4 && slices.Contains([]string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}, f[4]) {
			add(fullID.FindString(f[3]))
		}
	}
	for line := range strings.Lines(cgroup) {
		add(fullID.FindString(line))
	}
	if shortID.MatchString(hostname) {
		add(hostname)
	}
	return ids
}

// readProc returns what can be read; on a system without the file there is nothing to find in it.
func readProc(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(bufio.NewReader(f), 1<<20))
	return string(b)
}
