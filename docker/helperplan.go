package docker

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/simpledeploy/backup/runner/frame"
)

// place is one mount of the target as the plan sees it.
type place struct {
	container.MountPoint
	subpath string // of the volume, when only a part of it is mounted
}

// planMounts says what the helper has to see of a container: only mounts that hold one of the paths, as the inspect
// names them, each whole. Nothing else comes along: --volumes-from would bring every mount, the engine's socket and
// one that covers our own program among them. sockets are where the engine may be reached on the host.
func planMounts(target container.InspectResponse, paths []string, a access, sockets []string) ([]mount.Mount, []frame.Root, error) {
	if len(paths) == 0 {
		return nil, nil, errors.New("no path is named")
	}
	places := placesOf(target)
	var mounts []mount.Mount
	var roots []frame.Root
	at := map[string]string{} // destination in the target → mount in the helper
	for _, p := range paths {
		if !path.IsAbs(p) {
			return nil, nil, fmt.Errorf("path %q is not absolute", p)
		}
		p = path.Clean(p)
		from, err := placeOf(places, p, sockets)
		if err != nil {
			return nil, nil, err
		}
		to, known := at[from.Destination]
		if !known {
			to = "/src/" + strconv.Itoa(len(mounts))
			at[from.Destination] = to
			mounts = append(mounts, mountFor(from, to, a.readOnly(from)))
		}
		sub := strings.Trim(strings.TrimPrefix(p, path.Clean(from.Destination)), "/")
		roots = append(roots, frame.Root{Path: p, Mount: to, Sub: strings.Trim(path.Join(from.subpath, sub), "/"), ReadOnly: a.readOnly(from)})
	}
	return mounts, roots, nil
}

func placesOf(target container.InspectResponse) []place {
	var places []place
	for _, m := range target.Mounts {
		places = append(places, place{MountPoint: m})
	}
	if target.ContainerJSONBase == nil || target.HostConfig == nil {
		return places
	}
	for dest := range target.HostConfig.Tmpfs {
		if !slices.ContainsFunc(places, func(p place) bool { return path.Clean(p.Destination) == path.Clean(dest) }) {
			places = append(places, place{MountPoint: container.MountPoint{Type: mount.TypeTmpfs, Destination: dest}})
		}
	}
	for _, m := range target.HostConfig.Mounts {
		for i := range places {
			if m.VolumeOptions != nil && path.Clean(m.Target) == path.Clean(places[i].Destination) {
				places[i].subpath = m.VolumeOptions.Subpath
			}
		}
	}
	return places
}

// placeOf finds the innermost mount that holds a path.
func placeOf(places []place, p string, sockets []string) (place, error) {
	best := -1
	for i, c := range places {
		if within(p, path.Clean(c.Destination)) && (best < 0 || len(path.Clean(c.Destination)) > len(path.Clean(places[best].Destination))) {
			best = i
		}
	}
	if best < 0 {
		return place{}, fmt.Errorf("path %s lies in the container's own layer, not on a volume or bind, and is lost with the container anyway; mount a volume there", p)
	}
	from := places[best]
	switch {
	case from.Type == mount.TypeVolume && from.Name != "":
		return from, nil
	case from.Type == mount.TypeBind && holdsSocket(from.Source, sockets):
		return place{}, fmt.Errorf("path %s: its bind %s holds the engine's socket, which a helper never gets; bind the folder itself", p, from.Source)
	case from.Type == mount.TypeBind:
		return from, nil
	default:
		return place{}, fmt.Errorf("path %s lies on a mount of type %s at %s, which only the container itself can see; mount a volume there", p, from.Type, from.Destination)
	}
}

func mountFor(from place, to string, readOnly bool) mount.Mount {
	m := mount.Mount{Type: from.Type, Target: to, ReadOnly: readOnly}
	if from.Type == mount.TypeBind {
		m.Source = from.Source
		return m
	}
	m.Source = from.Name
	m.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
	return m
}

func holdsSocket(source string, sockets []string) bool {
	for _, s := range append([]string{"/run/docker.sock"}, sockets...) {
		// /var/run is a link to /run nearly everywhere.
		if within(underRun(s), underRun(path.Clean(source))) {
			return true
		}
	}
	return false
}

func underRun(p string) string {
	if within(p, "/var/run") {
		return strings.TrimPrefix(p, "/var")
	}
	return p
}
