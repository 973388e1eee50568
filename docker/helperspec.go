package docker

import (
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/simpledeploy/backup/runner/strategy"
)

// spec is everything that the engine is told about a helper.
type spec struct {
	config *container.Config
	host   *container.HostConfig
}

// workFolder is where a helper that works on databases finds an empty folder.
const workFolder = "/work"

// access is what an operation may do to the mounts.
type access struct{ writable, database bool }

func accessOf(cmd strategy.HelperCommand) access { return access{cmd.Writable, cmd.Database} }

// readOnly says how a mount is given. Who opens a database to read it needs to write beside it, but never where the
// container itself may not: whatever a hostile one leads the helper to, it could have done itself.
func (a access) readOnly(from place) bool { return !a.writable && (!a.database || !from.RW) }

func (a access) capabilities() []string {
	caps := []string{"DAC_READ_SEARCH"}
	if a.writable {
		caps = append(caps, "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
	}
	if a.database {
		// A file is opened as its owner; where that one cannot, as root, and what then comes beside it is given to him.
		caps = []string{"DAC_OVERRIDE", "CHOWN", "SETUID", "SETGID"}
	}
	if a.database && a.writable {
		caps = append(caps, "FOWNER", "FSETID")
	}
	return caps
}

// helperSpec gives a helper what its operation needs and nothing else: no network, a read-only root, no log (a
// driver would halve the speed and keep the data), no health probes of the image, and of root's capabilities only
// those that reading any file needs, or writing any.
func helperSpec(image string, mounts []mount.Mount, a access, labels map[string]string) spec {
	return spec{
		config: &container.Config{
			Image: image, Cmd: []string{"helper"}, User: "0:0", WorkingDir: "/", Labels: labels,
			NetworkDisabled: true, AttachStdout: true, AttachStderr: true,
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		host: &container.HostConfig{
			NetworkMode: network.NetworkNone, ReadonlyRootfs: true, Mounts: mounts,
			CapDrop: []string{"ALL"}, CapAdd: a.capabilities(),
			// A volume's private SELinux label is the target's, so the helper runs without one.
			SecurityOpt:   []string{"no-new-privileges", "label=disable"},
			LogConfig:     container.LogConfig{Type: "none"},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			IpcMode:       container.IPCModePrivate,
		},
	}
}

// withSocket adds the folder with the socket. Connecting needs no right to write in it.
func (s spec) withSocket(hostFolder string) spec {
	config, host := *s.config, *s.host
	config.Cmd = []string{"helper", "-socket", "/run/helper/" + socketName}
	host.Mounts = append(slices.Clone(host.Mounts), mount.Mount{
		Type: mount.TypeBind, Source: hostFolder, Target: "/run/helper", ReadOnly: true,
	})
	return spec{&config, &host}
}

// withWork adds the folder for copies: one of the host's, or else a volume without a name, which goes with the helper.
func (s spec) withWork(hostFolder string) spec {
	config, host := *s.config, *s.host
	m := mount.Mount{Type: mount.TypeVolume, Target: workFolder}
	if hostFolder != "" {
		m.Type, m.Source = mount.TypeBind, hostFolder
	}
	host.Mounts = append(slices.Clone(host.Mounts), m)
	return spec{&config, &host}
}

// withStdin lets the attach stream carry the input too.
func (s spec) withStdin() spec {
	config := *s.config
	config.OpenStdin, config.StdinOnce, config.AttachStdin = true, true, true
	return spec{&config, s.host}
}
