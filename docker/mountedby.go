package docker

import (
	"context"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/strategy"
)

// MountedBy lists the running or paused containers that share any of the mounts: the same volume, or a bind of the
// same folder or of something below it. Helpers and our own container are left out.
func (e *Engine) MountedBy(ctx context.Context, mounts []strategy.Mount) ([]strategy.Info, error) {
	all, err := e.cli.ContainerList(ctx, container.ListOptions{}) // running, paused, restarting
	if err != nil {
		return nil, e.explain("list containers", err)
	}
	own, _ := e.Self()
	var users []strategy.Info
	for _, s := range all {
		info := fromSummary(s)
		if s.Labels[RoleLabel] != RoleHelper && s.ID != own.ID && shares(info.Mounts, mounts) {
			users = append(users, info)
		}
	}
	return users, nil
}

func shares(theirs, ours []strategy.Mount) bool {
	for _, t := range theirs {
		for _, o := range ours {
			if sameVolume(t, o) || o.Source != "" && within(t.Source, o.Source) || writesAbove(t, o) {
				return true
			}
		}
	}
	return false
}

// writesAbove says whether t is a folder above o that may be written to. The whole of a host, as monitors mount it, does
// not count: stopping those would help nobody.
func writesAbove(t, o strategy.Mount) bool {
	return t.Type == "bind" && t.ReadWrite && t.Source != "/" && o.Source != "" && within(o.Source, t.Source)
}

func sameVolume(a, b strategy.Mount) bool {
	return a.Type == "volume" && b.Type == "volume" && a.Name != "" && a.Name == b.Name
}

// within says whether a path is a folder or something below it.
func within(path, folder string) bool {
	return path == folder || folder == "/" && strings.HasPrefix(path, "/") || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
