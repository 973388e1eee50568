package composefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"github.com/simpledeploy/backup/labels"
)

// Load reads Compose files, later ones over earlier ones; none: those that Compose would find. env is what variables
// are filled in from, KEY=value. The Problems are about labels that would never reach a container.
func Load(ctx context.Context, files []string, env []string) ([]labels.Container, []labels.Problem, error) {
	project, err := load(ctx, files, env)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", strings.Join(append([]string{"compose files"}, files...), " "), err)
	}
	var containers []labels.Container
	var problems []labels.Problem
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		containers = append(containers, container(project, project.Services[name]))
		problems = append(problems, lost(project, project.Services[name])...)
	}
	return containers, problems, nil
}

func load(ctx context.Context, files []string, env []string) (*types.Project, error) {
	defer quiet()()
	options, err := cli.NewProjectOptions(files,
		cli.WithEnv(env),
		cli.WithConfigFileEnv,
		cli.WithDefaultConfigPath,
		cli.WithEnvFiles(),
		cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}),
		cli.WithoutEnvironmentResolution, // the variables of a service are none of our business
		cli.WithDiscardEnvFile,
	)
	if err != nil {
		return nil, err
	}
	if len(options.ConfigPaths) == 0 {
		return nil, errors.New("there is no compose file here: name one")
	}
	return options.LoadProject(ctx)
}

// quieting guards the global logger that compose-go writes its remarks to.
var quieting sync.Mutex

// quiet silences it until the returned function is called.
func quiet() func() {
	quieting.Lock()
	logger := logrus.StandardLogger()
	before := logger.Out
	logger.SetOutput(io.Discard)
	return func() {
		logger.SetOutput(before)
		quieting.Unlock()
	}
}

// container is a service's first container as Compose would label it.
func container(project *types.Project, service types.ServiceConfig) labels.Container {
	c := labels.Container{
		Name:   service.ContainerName,
		Image:  service.Image,
		Labels: map[string]string{},
		Mounts: mounts(project, service, map[string]bool{}),
	}
	if c.Name == "" {
		c.Name = project.Name + "-" + service.Name + "-1"
	}
	if c.Image == "" {
		c.Image = project.Name + "-" + service.Name // what Compose calls an image that it builds
	}
	maps.Copy(c.Labels, service.Labels)
	const prefix = "com.docker.compose."
	maps.Copy(c.Labels, map[string]string{
		prefix + "project":              project.Name,
		prefix + "service":              service.Name,
		prefix + "container-number":     "1",
		prefix + "oneoff":               "False",
		prefix + "project.working_dir":  project.WorkingDir,
		prefix + "project.config_files": strings.Join(project.ComposeFiles, ","),
	})
	return c
}

// mounts are the service's own and those that it takes over from others.
func mounts(project *types.Project, service types.ServiceConfig, seen map[string]bool) []labels.Mount {
	if seen[service.Name] {
		return nil
	}
	seen[service.Name] = true
	var out []labels.Mount
	add := func(m labels.Mount) {
		if !slices.ContainsFunc(out, func(o labels.Mount) bool { return o.Destination == m.Destination }) {
			out = append(out, m)
		}
	}
	for _, v := range service.Volumes {
		m := labels.Mount{Type: v.Type, Source: v.Source, Destination: filepath.Clean(v.Target), ReadWrite: !v.ReadOnly}
		if v.Type == types.VolumeTypeVolume {
			m.Name, m.Source = v.Source, ""
			if named, ok := project.Volumes[v.Source]; ok && named.Name != "" {
				m.Name = named.Name
			}
		}
		add(m)
	}
	for _, t := range service.Tmpfs {
		destination, _, _ := strings.Cut(t, ":")
		add(labels.Mount{Type: types.VolumeTypeTmpfs, Destination: filepath.Clean(destination), ReadWrite: true})
	}
	for _, from := range service.VolumesFrom {
		name, mode, _ := strings.Cut(from, ":")
		for _, m := range mounts(project, project.Services[name], seen) {
			m.ReadWrite = m.ReadWrite && mode != "ro"
			add(m)
		}
	}
	return out
}

// lost are labels under deploy: they describe a Swarm service and never reach a container.
func lost(project *types.Project, service types.ServiceConfig) []labels.Problem {
	if service.Deploy == nil {
		return nil
	}
	var problems []labels.Problem
	for _, label := range slices.Sorted(maps.Keys(service.Deploy.Labels)) {
		if !ours(label) {
			continue
		}
		problems = append(problems, labels.Problem{
			Identity:   labels.Identity{Project: project.Name, Service: service.Name},
			Label:      label,
			Why:        "a label under deploy never reaches a container",
			Suggestion: "move it to the service's own labels",
		})
	}
	return problems
}

// ours tells a backup label by its form, whatever the prefix is: prefix.backup.key or prefix.backup.job.key.
func ours(label string) bool {
	_, rest, found := strings.Cut(label, ".backup.")
	if !found {
		return false
	}
	key := rest[strings.LastIndex(rest, ".")+1:]
	return strings.HasPrefix(label, "simpledeploy.") ||
		slices.ContainsFunc(labels.Keys(), func(k labels.Key) bool { return k.Name == key })
}
