package docker

import (
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// socketFolder is the folder for sockets to helpers, by its two names.
type socketFolder struct {
	local string // for us
	host  string // for the engine, to mount it from
}

// socketFolder finds out where our data folder lies on the engine's host: from the source of our own mount, or, when
// we run beside the engine and not in a container, where it is. ok is false where there is no such place.
func (e *Engine) socketFolder() (folder socketFolder, ok bool) {
	if e.opt.AttachOnly || e.opt.DataDir == "" || e.noSocket.Load() {
		return socketFolder{}, false
	}
	local, err := filepath.Abs(filepath.Join(e.opt.DataDir, "run"))
	if err != nil {
		return socketFolder{}, false
	}
	e.mu.Lock()
	own := e.self
	e.mu.Unlock()
	if own == nil {
		return socketFolder{}, false
	}
	if !own.found {
		// Only an engine at a Unix socket is surely on this host.
		return socketFolder{local, local}, strings.HasPrefix(e.cli.DaemonHost(), "unix://")
	}
	host, ok := onHost(own.raw.Mounts, local)
	return socketFolder{local, host}, ok
}

// onHost translates a path of our container into the engine's host's. Volumes of other drivers than local may be
// mounted anywhere, or nowhere, on the host.
func onHost(mounts []container.MountPoint, local string) (string, bool) {
	var best *container.MountPoint
	for i, m := range mounts {
		if within(local, filepath.Clean(m.Destination)) && (best == nil || len(m.Destination) > len(best.Destination)) {
			best = &mounts[i]
		}
	}
	if best == nil || best.Source == "" {
		return "", false
	}
	if best.Type != mount.TypeBind && (best.Type != mount.TypeVolume || best.Driver != "local") {
		return "", false
	}
	rel, err := filepath.Rel(filepath.Clean(best.Destination), local)
	if err != nil {
		return "", false
	}
	return filepath.Join(best.Source, rel), true
}

// sockets lists where the engine's socket may lie on its host, so that no helper gets a mount that holds it.
func (e *Engine) sockets() []string {
	path, ok := strings.CutPrefix(e.cli.DaemonHost(), "unix://")
	if !ok {
		return nil
	}
	found := []string{path}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.self != nil && e.self.found {
		if host, ok := onHost(e.self.raw.Mounts, path); ok {
			found = append(found, host)
		}
	}
	return found
}
