package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
)

// Service is one service that was seen on the engine, and what protects it.
type Service struct {
	Project    string    `json:"project"`
	Service    string    `json:"service"`
	Container  string    `json:"container"`
	Image      string    `json:"image"`
	Detected   string    `json:"detected,omitempty"` // strategy that the image's name suggests
	Suggested  []string  `json:"suggested"`          // fitting strategies and why
	Stateful   bool      `json:"stateful"`           // keeps state worth a backup
	Protected  bool      `json:"protected"`          // has a job that can run
	LastGood   time.Time `json:"last_good,omitzero"` // when its newest good backup was taken, of whatever job
	Waiting    []string  `json:"waiting"`            // jobs that can run and have no good backup yet
	OptedOut   bool      `json:"opted_out"`          // its labels say that it wants no backup
	Jobs       []string  `json:"jobs"`
	Groups     []string  `json:"groups,omitempty"` // that its jobs belong to
	Problems   int       `json:"problems"`
	Mounts     []Mount   `json:"mounts"`
	Containers int       `json:"containers"` // of this identity
}

// Mount is one mount of a service's container.
type Mount struct {
	Type        string `json:"type"`
	Name        string `json:"name,omitempty"`
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination"`
	ReadOnly    bool   `json:"read_only,omitempty"`
}

// serviceViews lists every service that was seen, by identity.
func (s *Server) serviceViews(ctx context.Context) ([]Service, error) {
	jobs, err := s.store.Jobs(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("read the jobs: %w", err)
	}
	good := make(map[string]time.Time, len(jobs))
	for _, j := range jobs {
		good[j.ID] = j.LastSuccess
	}
	return servicesOf(s.runner.Snapshot(), good), nil
}

// servicesOf lists the services of a plan; good says when each job last succeeded.
func servicesOf(plan runner.Plan, good map[string]time.Time) []Service {
	jobs, groups := map[labels.Identity][]string{}, map[labels.Identity][]string{}
	for _, j := range plan.Jobs {
		jobs[j.Identity] = append(jobs[j.Identity], j.ID())
		if j.Group != "" && !slices.Contains(groups[j.Identity], j.Group) {
			groups[j.Identity] = append(groups[j.Identity], j.Group)
		}
	}
	views := make([]Service, 0, len(plan.Services))
	for _, s := range plan.Services {
		view := serviceView(s, jobs[s.Identity], good)
		view.Groups = groups[s.Identity]
		views = append(views, view)
	}
	slices.SortFunc(views, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Service, b.Service))
	})
	return views
}

func serviceView(s labels.Service, jobs []string, good map[string]time.Time) Service {
	v := Service{
		Project: s.Project, Service: s.Service, Container: s.Container.Name, Image: s.Container.Image,
		Detected: s.Detected, Suggested: list(s.Suggested), Stateful: s.Stateful, Protected: len(jobs) > 0, OptedOut: s.OptedOut,
		Jobs: list(jobs), Problems: len(s.Problems), Mounts: make([]Mount, 0, len(s.Container.Mounts)),
		Containers: len(s.Replicas), Waiting: []string{},
	}
	for _, id := range jobs {
		switch at := good[id]; {
		case at.IsZero():
			v.Waiting = append(v.Waiting, id)
		case at.After(v.LastGood):
			v.LastGood = at
		}
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
