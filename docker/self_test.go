package docker

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
)

const (
	ours   = "4f1c7a2f0d3b5e6a8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d"
	theirs = "aaaa7a2f0d3b5e6a8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d"
)

func TestOwnIDs(t *testing.T) {
	mounted := "700 600 254:1 /var/lib/docker/containers/" + ours + "/hostname /etc/hostname rw - ext4 /dev/vda1 rw\n"
	cases := map[string]struct {
		hostname, mountinfo, cgroup string
		want                        []string
	}{
		"cgroup v2":                       {"web", mounted, "0::/\n", []string{ours}},
		"cgroup v1":                       {"web", "", "12:cpu:/docker/" + ours + "\n11:pids:/docker/" + ours + "\n", []string{ours}},
		"cgroup v2 of the host":           {"web", "", "0::/system.slice/docker-" + ours + ".scope\n", []string{ours}},
		"host name only":                  {"4f1c7a2f0d3b", "", "0::/\n", []string{"4f1c7a2f0d3b"}},
		"a host name that looks like one": {"deadbeef", "", "", nil},
		"all of them, surest first":       {"4f1c7a2f0d3b", mounted, "1:x:/docker/" + ours, []string{ours, "4f1c7a2f0d3b"}},
		"an engine inside a container":    {"vm", "", "1:x:/docker/" + theirs + "/docker/" + ours, []string{ours}},
		// On a host the folders of others are mount points.
		"a host with containers": {"vm",
			"90 30 0:50 / /var/lib/docker/containers/" + theirs + "/mounts/shm rw - tmpfs shm rw\n", "0::/init.scope\n", nil},
		"nothing at all": {"", "", "", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ownIDs(c.hostname, c.mountinfo, c.cgroup)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFits_TellsUsFromAContainerWhoseNetworkWeShare(t *testing.T) {
	points := pointsOf("700 600 254:1 /containers/" + theirs + "/hostname /etc/hostname rw - ext4 /dev/vda1 rw\n" +
		"701 600 254:1 /volumes/backup/_data /data rw - ext4 /dev/vda1 rw\n" +
		"702 600 0:23 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw\n" +
		"703 600 254:1 /srv/my\\040files /files rw - ext4 /dev/vda1 rw\n")
	cases := map[string]struct {
		mounts         []container.MountPoint
		strict, places bool
	}{
		"ours":               {[]container.MountPoint{volume("backup", "/data"), bind("/var/run/docker.sock", "/run/docker.sock"), bind("/srv/my files", "/files/")}, true, true},
		"another's volume":   {[]container.MountPoint{volume("data", "/data")}, false, true},
		"another's place":    {[]container.MountPoint{volume("backup", "/var/lib/data")}, false, false},
		"a link as a source": {[]container.MountPoint{bind("/link", "/files")}, false, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if strict, places := fits(c.mounts, points, true), fits(c.mounts, points, false); strict != c.strict || places != c.places {
				t.Errorf("strict %v, places %v", strict, places)
			}
		})
	}
}
