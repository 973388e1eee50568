package docker

import (
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/strategy"
)

// fromSummary is what a list tells of a container.
func fromSummary(s container.Summary) strategy.Info {
	return strategy.Info{
		ID:      s.ID,
		Name:    ownName(s.Names),
		Image:   s.Image,
		ImageID: s.ImageID,
		Labels:  s.Labels,
		State:   s.State,
		Mounts:  mountsOf(s.Mounts),
		Shares:  containersIn(s.HostConfig.NetworkMode),
	}
}

// fromInspect is all that the engine tells of a container.
func fromInspect(r container.InspectResponse) strategy.Info {
	info := strategy.Info{Mounts: mountsOf(r.Mounts)}
	if r.ContainerJSONBase != nil {
		info.ID, info.Name, info.ImageID = r.ID, strings.TrimPrefix(r.Name, "/"), r.Image
		if r.State != nil {
			info.State = r.State.Status
			if at, err := time.Parse(time.RFC3339Nano, r.State.StartedAt); err == nil {
				info.StartedAt = at
			}
			if r.State.Health != nil && r.State.Health.Status != container.NoHealthcheck {
				info.Health = r.State.Health.Status
			}
		}
		if r.HostConfig != nil {
			info.AutoRemove = r.HostConfig.AutoRemove
			info.Shares = containersIn(string(r.HostConfig.NetworkMode), string(r.HostConfig.IpcMode), string(r.HostConfig.PidMode))
		}
	}
	if r.Config != nil {
		info.Image, info.Labels = r.Config.Image, r.Config.Labels
		if r.Config.StopTimeout != nil {
			info.StopTimeout = time.Duration(*r.Config.StopTimeout) * time.Second
		}
	}
	return info
}

// containersIn are the containers that modes of namespaces name, each once.
func containersIn(modes ...string) []string {
	var out []string
	for _, mode := range modes {
		if name, ok := strings.CutPrefix(mode, "container:"); ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// ownName picks the container's own name: links add names of the form /other/alias.
func ownName(names []string) string {
	for _, n := range names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return ""
}

func mountsOf(points []container.MountPoint) []strategy.Mount {
	var mounts []strategy.Mount
	for _, p := range points {
		mounts = append(mounts, strategy.Mount{
			Type: string(p.Type), Name: p.Name, Source: p.Source, Destination: p.Destination, ReadWrite: p.RW,
		})
	}
	return mounts
}
