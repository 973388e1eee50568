package filetree

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// patterns decide what is left out. See the package's documentation for what they mean.
type patterns struct {
	names    []string   // against the last part of a path
	absolute [][]string // against the path in the container
	relative [][]string // against the path below its root
}

func parsePatterns(list []string) (*patterns, error) {
	p := &patterns{}
	for _, s := range list {
		s = strings.TrimSuffix(strings.TrimSpace(s), "/")
		if s == "" {
			continue
		}
		if _, err := path.Match(s, ""); err != nil {
			return nil, fmt.Errorf("exclude pattern %q: %w", s, err)
		}
		switch {
		case strings.HasPrefix(s, "/"):
			p.absolute = append(p.absolute, strings.Split(s[1:], "/"))
		case strings.Contains(s, "/"):
			p.relative = append(p.relative, strings.Split(strings.TrimPrefix(s, "./"), "/"))
		default:
			p.names = append(p.names, s)
		}
	}
	return p, nil
}

func (p *patterns) empty() bool { return len(p.names)+len(p.absolute)+len(p.relative) == 0 }

// match tells whether rel, a path below the root whose member name is root, is left out.
func (p *patterns) match(root, rel string) bool {
	if p.empty() || rel == "" {
		return false
	}
	base := path.Base(rel)
	for _, n := range p.names {
		if ok, _ := path.Match(n, base); ok || n == "**" {
			return true
		}
	}
	parts := strings.Split(rel, "/")
	for _, r := range p.relative {
		if matchParts(r, parts) {
			return true
		}
	}
	if len(p.absolute) > 0 {
		parts = append(strings.Split(root, "/"), parts...)
	}
	return slices.ContainsFunc(p.absolute, func(a []string) bool { return matchParts(a, parts) })
}

func matchParts(pattern, parts []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			rest := pattern[1:]
			for i := range len(parts) + 1 {
				if matchParts(rest, parts[i:]) {
					return true
				}
			}
			return false
		}
		if len(parts) == 0 {
			return false
		}
		if ok, _ := path.Match(pattern[0], parts[0]); !ok {
			return false
		}
		pattern, parts = pattern[1:], parts[1:]
	}
	return len(parts) == 0
}
