package status

import (
	"cmp"
	"slices"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
)

// Service is one service that was seen on the engine, and what protects it.
type Service struct {
	Project    string   `json:"project"`
	Service    string   `json:"service"`
	Container  string   `json:"container"`
	Image      string   `json:"image"`
	Detected   string   `json:"detected,omitempty"` // strategy that the image's name suggests
	Suggested  []string `json:"suggested"`          // fitting strategies and why
	Stateful   bool     `json:"stateful"`           // keeps state worth a backup
	Protected  bool     `json:"protected"`          // has a job that can run
	OptedOut   bool     `json:"opted_out"`          // its labels say that it wants no backup
	Jobs       []string `json:"jobs"`
	Problems   int      `json:"problems"`
	Mounts     []Mount  `json:"mounts"`
	Containers int      `json:"containers"` // of this identity
}

// Mount is one mount of a service's container.
type Mount struct {
	Type        string `json:"type"`
	Name        string `json:"name,omitempty"`
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination"`
	ReadOnly    bool   `json:"read_only,omitempty"`
}

// serviceViews lists every service of a plan, by identity.
func serviceViews(plan runner.Plan) []Service {
	jobs := map[labels.Identity][]string{}
	for _, j := range plan.Jobs {
		jobs[j.Identity] = append(jobs[j.Identity], j.ID())
	}
	views := make([]Service, 0, len(plan.Services))
	for _, s := range plan.Services {
		views = append(views, serviceView(s, jobs[s.Identity]))
	}
	slices.SortFunc(views, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Service, b.Service))
	})
	return views
}

func serviceView(s labels.Service, jobs []string) Service {
	v := Service{
		Project: s.Project, Service: s.Service, Container: s.Container.Name, Image: s.Container.Image,
		Detected: s.Detected, Suggested: list(s.Suggested), Stateful: s.Stateful, Protected: len(jobs) > 0, OptedOut: s.OptedOut,
		Jobs: list(jobs), Problems: len(s.Problems), Mounts: make([]Mount, 0, len(s.Container.Mounts)),
		Containers: len(s.Replicas),
	}
	for _, m := range s.Container.Mounts {
		v.Mounts = append(v.Mounts, Mount{
			Type: m.Type, Name: m.Name, Source: m.Source, Destination: m.Destination, ReadOnly: !m.ReadWrite,
		})
	}
	return v
}

// list is an empty list instead of null in JSON.
func list[T any](of []T) []T {
	if of == nil {
		return []T{}
	}
	return of
}
