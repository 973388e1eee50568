package docker

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/frame"
)

func target(points ...container.MountPoint) container.InspectResponse {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{Tmpfs: map[string]string{"/cache": ""}}},
		Mounts:            points,
	}
}

func volume(name, at string) container.MountPoint {
	return container.MountPoint{Type: mount.TypeVolume, Name: name, Source: "/var/lib/docker/volumes/" + name + "/_data", Destination: at, Driver: "local", RW: true}
}

func bind(source, at string) container.MountPoint {
	return container.MountPoint{Type: mount.TypeBind, Source: source, Destination: at, RW: true}
}

func TestPlanMounts(t *testing.T) {
	noCopy := &mount.VolumeOptions{NoCopy: true}
	app := target(volume("data", "/data"), volume("up", "/data/uploads"), bind("/srv/app/conf", "/etc/app"), bind("/var/run/docker.sock", "/var/run/docker.sock"))
	cases := map[string]struct {
		paths    []string
		writable bool
		mounts   []mount.Mount
		roots    []frame.Root
	}{
		"a volume": {[]string{"/data"}, false,
			[]mount.Mount{{Type: "volume", Source: "data", Target: "/src/0", ReadOnly: true, VolumeOptions: noCopy}},
			[]frame.Root{{Path: "/data", Mount: "/src/0", ReadOnly: true}}},
		"a folder of a volume, which is mounted whole": {[]string{"/data/a/../b/"}, true,
			[]mount.Mount{{Type: "volume", Source: "data", Target: "/src/0", VolumeOptions: noCopy}},
			[]frame.Root{{Path: "/data/b", Mount: "/src/0", Sub: "b"}}},
		"the innermost mount": {[]string{"/data/uploads/2026", "/data/uploads-old"}, false,
			[]mount.Mount{
				{Type: "volume", Source: "up", Target: "/src/0", ReadOnly: true, VolumeOptions: noCopy},
				{Type: "volume", Source: "data", Target: "/src/1", ReadOnly: true, VolumeOptions: noCopy}},
			[]frame.Root{
				{Path: "/data/uploads/2026", Mount: "/src/0", Sub: "2026", ReadOnly: true},
				{Path: "/data/uploads-old", Mount: "/src/1", Sub: "uploads-old", ReadOnly: true}}},
		"two paths of one mount": {[]string{"/etc/app/a", "/etc/app/b"}, false,
			[]mount.Mount{{Type: "bind", Source: "/srv/app/conf", Target: "/src/0", ReadOnly: true}},
			[]frame.Root{
				{Path: "/etc/app/a", Mount: "/src/0", Sub: "a", ReadOnly: true},
				{Path: "/etc/app/b", Mount: "/src/0", Sub: "b", ReadOnly: true}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			mounts, roots, err := planMounts(app, c.paths, access{writable: c.writable}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.mounts, mounts); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.roots, roots); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlanMounts_PartOfAVolume(t *testing.T) {
	app := target(volume("shared", "/data"))
	app.HostConfig.Mounts = []mount.Mount{{Type: "volume", Target: "/data/", VolumeOptions: &mount.VolumeOptions{Subpath: "tenant/7"}}}
	_, roots, err := planMounts(app, []string{"/data/files", "/data"}, access{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if roots[0].Sub != "tenant/7/files" || roots[1].Sub != "tenant/7" {
		t.Errorf("the helper would read beside what the container sees: %+v", roots)
	}
}

func TestPlanMounts_Refusals(t *testing.T) {
	app := target(
		volume("data", "/data"),
		bind("/var/run/docker.sock", "/var/run/docker.sock"), bind("/run", "/host/run"), bind("/", "/host"),
		bind("/opt/engine", "/engine"),
		container.MountPoint{Type: mount.TypeTmpfs, Destination: "/data/tmp"},
	)
	cases := map[string]struct{ path, want string }{
		"container layer":             {"/var/lib/app", "container's own layer"},
		"name that only begins alike": {"/database", "container's own layer"},
		"tmpfs by --tmpfs":            {"/cache/x", "type tmpfs"},
		"tmpfs inside a volume":       {"/data/tmp/x", "type tmpfs"},
		"not absolute":                {"data", "not absolute"},
		"engine's socket":             {"/var/run/docker.sock", "engine's socket"},
		"folder of it":                {"/host/run/x", "engine's socket"},
		"the whole host":              {"/host/etc", "engine's socket"},
		"where ours is":               {"/engine/data", "engine's socket"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := planMounts(app, []string{"/data", c.path}, access{}, []string{"/opt/engine/docker.sock"})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("error: %v", err)
			}
		})
	}
	if _, _, err := planMounts(app, nil, access{}, nil); err == nil {
		t.Error("no path at all is accepted")
	}
}

func TestOnHost(t *testing.T) {
	nfs := volume("data", "/data")
	nfs.Driver = "rclone"
	cases := map[string]struct {
		mounts []container.MountPoint
		want   string
		ok     bool
	}{
		"a volume":          {[]container.MountPoint{volume("data", "/data")}, "/var/lib/docker/volumes/data/_data/run", true},
		"a bind":            {[]container.MountPoint{bind("/srv/backup", "/data/")}, "/srv/backup/run", true},
		"the innermost":     {[]container.MountPoint{bind("/srv", "/"), bind("/mnt/run", "/data/run"), bind("/x", "/data")}, "/mnt/run", true},
		"another driver":    {[]container.MountPoint{nfs}, "", false},
		"no mount":          {[]container.MountPoint{bind("/srv/backup", "/database")}, "", false},
		"memory of our own": {[]container.MountPoint{{Type: mount.TypeTmpfs, Destination: "/data"}}, "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, ok := onHost(c.mounts, "/data/run"); got != c.want || ok != c.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}
