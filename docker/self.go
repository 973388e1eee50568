package docker

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
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
	mountinfo := readProc("/proc/self/mountinfo")
	found, err := e.lookup(ctx, ownIDs(hostname, mountinfo, readProc("/proc/self/cgroup")), pointsOf(mountinfo))
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.self = &found
	return nil
}

// lookup asks for each candidate and takes the first that has our mounts, at our places and from our sources. None
// is sure without that: a host name is free text, and with --network container:X all the files that name an id are
// X's; then we are one of those that share X's network. Sources that are links are told apart in a second pass.
func (e *Engine) lookup(ctx context.Context, ids []string, points map[string]string) (self, error) {
	var candidates []container.InspectResponse
	for _, id := range ids {
		found, err := e.inspectAll(ctx, id)
		if err != nil {
			return self{}, err
		}
		candidates = append(candidates, found...)
	}
	for _, sources := range []bool{true, false} {
		for _, r := range candidates {
			if fits(r.Mounts, points, sources) {
				return self{found: true, info: fromInspect(r), raw: r}, nil
			}
		}
	}
	return self{}, nil
}

// inspectAll looks at a container and at those that share its network.
func (e *Engine) inspectAll(ctx context.Context, id string) ([]container.InspectResponse, error) {
	r, err := e.cli.ContainerInspect(ctx, id)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, e.explain("find our own container", err)
	}
	if !strings.HasPrefix(r.ID, id) { // somebody's name
		return nil, nil
	}
	found := []container.InspectResponse{r}
	all, err := e.cli.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, e.explain("find our own container", err)
	}
	for _, s := range all {
		if s.HostConfig.NetworkMode != "container:"+r.ID {
			continue
		}
		if peer, err := e.cli.ContainerInspect(ctx, s.ID); err == nil {
			found = append(found, peer)
		}
	}
	return found, nil
}

// pointsOf reads mountinfo: mount point → path of what is mounted there in its file system.
func pointsOf(mountinfo string) map[string]string {
	points := map[string]string{}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(mountinfo) {
		if f := strings.Fields(line); len(f) > 4 {
			points[unescape.Replace(f[4])] = unescape.Replace(f[3])
		}
	}
	return points
}

// fits says whether a container's mounts are all among ours.
func fits(mounts []container.MountPoint, points map[string]string, sources bool) bool {
	for _, m := range mounts {
		dest := filepath.Clean(m.Destination)
		root, ok := points[dest]
		if !ok {
			dest, _ = filepath.EvalSymlinks(dest) // /var/run is a link to /run in many images
			root, ok = points[dest]
		}
		if !ok || sources && m.Source != "" && root != "/" && !strings.HasSuffix(m.Source, root) {
			return false
		}
	}
	return true
}

var (
	fullID  = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// ownIDs lists what may be our container's id, surest first: cgroup v1 (and v2 without a namespace of its own) has
// it in the path; the engine mounts /etc/hostname and its like from a folder that is named by it; the host name is
// its beginning unless somebody chose another.
func ownIDs(hostname, mountinfo, cgroup string) []string {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for line := range strings.Lines(cgroup) {
		if all := fullID.FindAllString(line, -1); len(all) > 0 {
			add(all[len(all)-1]) // the innermost
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
