package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

const (
	envProjects    = "SIMPLEDEPLOY_PROJECTS"
	envPrefix      = "SIMPLEDEPLOY_LABEL_PREFIX"
	composeProject = "com.docker.compose.project"
)

// Self is what this appliance takes care of.
type Self struct {
	Scope  []string // projects; "self" is the appliance's own; empty: all
	Prefix string
}

// Rival is another appliance on this engine that takes care of the same and was there first.
type Rival struct {
	ID, Name  string
	Scope     []string // empty: all
	StartedAt time.Time
}

// String says who it is and what to do.
func (r Rival) String() string {
	scope := "all projects"
	if len(r.Scope) > 0 {
		scope = strings.Join(r.Scope, ", ")
	}
	return fmt.Sprintf("another appliance (container %s, since %s) takes care of %s; give each its own %s or %s",
		r.Name, r.StartedAt.UTC().Format(time.RFC3339), scope, envProjects, envPrefix)
}

// Rivals lists the running appliances that overlap with us and started earlier: two of them would back up
// everything twice and prune each other's history. They know each other by the label of the image.
func (e *Engine) Rivals(ctx context.Context, us Self) ([]Rival, error) {
	others, err := e.cli.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", RoleLabel+"="+RoleAppliance))})
	if err != nil {
		return nil, e.explain("look for other appliances", err)
	}
	own, started, project := e.ourselves()
	scope := resolve(us.Scope, project)
	var rivals []Rival
	for _, s := range others {
		if s.ID == own {
			continue
		}
		r, err := e.cli.ContainerInspect(ctx, s.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, e.explain("look at another appliance", err)
		}
		rival, prefix := rivalOf(r)
		earlier := rival.StartedAt.Before(started) || rival.StartedAt.Equal(started) && rival.ID < own
		if earlier && prefix == us.Prefix && overlap(scope, rival.Scope) {
			rivals = append(rivals, rival)
		}
	}
	return rivals, nil
}

func (e *Engine) ourselves() (id string, started time.Time, project string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.self == nil || !e.self.found {
		return "", e.connected, ""
	}
	return e.self.info.ID, startedAt(e.self.raw), e.self.info.Labels[composeProject]
}

func rivalOf(r container.InspectResponse) (Rival, string) {
	info := fromInspect(r)
	scope, prefix := "", "simpledeploy"
	for _, kv := range r.Config.Env {
		switch k, v, _ := strings.Cut(kv, "="); k {
		case envProjects:
			scope = v
		case envPrefix:
			if v != "" {
				prefix = v
			}
		}
	}
	return Rival{
		ID: info.ID, Name: info.Name, StartedAt: startedAt(r),
		Scope: resolve(strings.Split(scope, ","), info.Labels[composeProject]),
	}, prefix
}

func startedAt(r container.InspectResponse) time.Time {
	if r.ContainerJSONBase == nil || r.State == nil {
		return time.Time{}
	}
	t, _ := time.Parse(time.RFC3339Nano, r.State.StartedAt)
	return t
}

// resolve puts the appliance's own project in the place of "self". Outside of Compose there is none, and the word
// stays: dropping it would turn the narrowest scope into the widest.
func resolve(scope []string, project string) []string {
	var out []string
	for _, p := range scope {
		if p = strings.TrimSpace(p); p == "self" && project != "" {
			p = project
		}
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

func overlap(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p string) bool { return slices.Contains(b, p) })
}
