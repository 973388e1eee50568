package strategy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVolumePaths_DefaultsAndNamedOnes(t *testing.T) {
	info := Info{
		Labels: map[string]string{"com.docker.compose.project.working_dir": "/srv/shop"},
		Mounts: []Mount{
			{Type: "volume", Name: "data", Destination: "/data", ReadWrite: true},
			{Type: "volume", Name: "cache", Destination: "/data/cache/", ReadWrite: true},
			{Type: "bind", Source: "/srv/shop/conf", Destination: "/etc/app", ReadWrite: false},
			{Type: "bind", Source: "/srv/shop-other", Destination: "/other", ReadWrite: true},
			{Type: "bind", Source: "/var/run/docker.sock", Destination: "/var/run/docker.sock"},
			{Type: "tmpfs", Destination: "/tmp"},
		},
	}
	for name, c := range map[string]struct {
		named []string
		info  Info
		want  []string
		err   string
	}{
		"default":               {nil, info, []string{"/data", "/data/cache", "/etc/app"}, ""},
		"named":                 {[]string{"/other/", "/data/x"}, info, []string{"/data/x", "/other"}, ""},
		"one in another":        {[]string{"/data/a/b", "/data/a", "/data/a"}, info, []string{"/data/a"}, ""},
		"in a mount of its own": {[]string{"/data", "/data/cache/x"}, info, []string{"/data", "/data/cache/x"}, ""},
		"relative":              {[]string{"data"}, info, nil, "must be absolute"},
		"nothing there":         {nil, Info{Mounts: info.Mounts[3:]}, nil, "paths label"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := volumePaths(c.info, c.named)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("paths (-want +got):\n%s", d)
			}
		})
	}
}

func TestVolumeCommand_TellsWhatIsCoveredAndReadOnly(t *testing.T) {
	info := Info{Mounts: []Mount{
		{Type: "volume", Destination: "/data", ReadWrite: true},
		{Type: "bind", Source: "/etc/app.conf", Destination: "/data/app.conf"},
	}}
	got, err := volumeCommand("archive", info, Options{Token: "t", Exclude: []string{"*.tmp"}})
	if err != nil {
		t.Fatal(err)
	}
	want := HelperCommand{Op: "archive", Paths: []string{"/data"}, Args: volumeArgs{
		Token: "t", Exclude: []string{"*.tmp"}, Covered: []string{"/data/app.conf"}, Defaults: true, ReadOnly: []string{"/data/app.conf"},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("command (-want +got):\n%s", d)
	}
}
