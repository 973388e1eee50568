package target

import (
	"maps"
	"slices"
)

// Set holds the targets by the names that labels use.
type Set struct {
	targets map[string]*Target
}

// Names are sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.targets)) }

// Get returns the target of that name.
func (s *Set) Get(name string) (*Target, bool) {
	t, ok := s.targets[name]
	return t, ok
}
