package docker

import (
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
)

// spec is everything that the engine is told about a helper.
type spec struct {
	config *container.Config
	host   *container.HostConfig
}

// helperSpec gives a helper what its operation needs and nothing else: no network, a read-only root, no log (a
// driver would halve the speed and keep the data), no health probes of the image, and of root's capabilities only
// those that reading any file needs, or writing any.
func helperSpec(image string, mounts []mount.Mount, writable bool, labels map[string]string) spec {
	caps := []string{"DAC_READ_SEARCH"}
	if writable {
		caps = append(caps, "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
	}
	return spec{
		config: &container.Config{
			Image: image, Cmd: []string{"helper"}, User: "0:0", WorkingDir: "/", Labels: labels,
			NetworkDisabled: true, AttachStdout: true, AttachStderr: true,
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		host: &container.HostConfig{
			NetworkMode: network.NetworkNone, ReadonlyRootfs: true, Mounts: mounts,
			CapDrop: []string{"ALL"}, CapAdd: caps,
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

// withStdin lets the attach stream carry the input too.
func (s spec) withStdin() spec {
	config := *s.config
	config.OpenStdin, config.StdinOnce, config.AttachStdin = true, true, true
	return spec{&config, s.host}
}
