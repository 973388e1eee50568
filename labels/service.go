package labels

import (
	"slices"
	"time"
)

// Config is what the environment adds to the labels.
type Config struct {
	Prefix      string            // first part of every label: "simpledeploy" when empty
	Strategies  []Strategy        // what the registry knows
	Targets     []string          // names that the environment defines, lower case
	Pings       []string          // dead-man switches that the environment defines, lower case
	Defaults    map[string]string // key → value; keys as in labels ("stop-timeout")
	Timezone    string            // "UTC" when empty
	MinInterval time.Duration     // no schedule fires more often
	Auto        bool              // recognised databases without labels get a job with the defaults
}

// Strategy is what decoding needs to know of one strategy.
type Strategy struct {
	Name      string
	Aliases   []string // other words for it
	Images    []string // image names it is meant for: "postgres" in any folder, "bitnami/postgresql" in that one
	Available bool     // false: recognised, but its part of the program comes with a later version
	Files     bool     // reads files of the mounts, so that a container may be held meanwhile
}

// Service is everything that the labels of one service say.
type Service struct {
	Identity
	Container Container   // the one that is backed up: the lowest replica
	Replicas  []Container // all of that identity, the chosen one first
	Detected  string      // strategy that the image suggests, available or not; empty: none
	Suggested []string    // strategies that fit, each with its reason
	Stateful  bool        // keeps state worth a backup
	OptedOut  bool        // its owner wants no backup: enable is false for all that is declared
	Jobs      []Job       // those that can run
	Refused   []Refused   // declared, but refused by Problems
	Problems  []Problem
	Warnings  []Warning
}

// Refuse notes a job as one that is declared and does not run. The Problem that says why is the caller's.
func (s *Service) Refuse(job Job) {
	s.Refused = append(s.Refused, Refused{Name: job.Name, RPO: job.RPO, Group: job.Group})
}

func (s *Service) refuses(job string) bool {
	return slices.ContainsFunc(s.Refused, func(r Refused) bool { return r.Name == job })
}

// Refused is what counts of a job that is declared, but that a Problem refuses.
type Refused struct {
	Name  string
	RPO   time.Duration
	Group string
}
