package sqlitefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/simpledeploy/backup/runner/filetree"
)

// magic begins every database that is not empty and not encrypted.
const magic = "SQLite format 3\x00"

// sides are the ends of the names of what SQLite keeps beside a database.
var sides = []string{"-wal", "-shm", "-journal"}

// FindOptions say what is looked for below the roots.
type FindOptions struct {
	Patterns []string // container paths: files, folders, or patterns with "*", "?", "[a-z]" and "**"; nil: all of the roots
	Exclude  []string
	Covered  []string
	Present  bool // a pattern may find nothing, or a file in which no database has been made yet
}

// Source is one database that was found.
type Source struct {
	Path  string // in the container
	Here  string
	Named bool // somebody wrote this very path: its absence is an error
}

// Find looks for databases, in the order of their paths. Below folders these are the files that begin as SQLite's do;
// what a path or pattern names must be one. Nothing found is an error, for each pattern on its own.
func Find(ctx context.Context, roots []filetree.Root, opt FindOptions) ([]Source, error) {
	s := &search{opt: opt, hits: make([]int, len(opt.Patterns))}
	err := s.walk(ctx, roots)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%w: nothing is there; correct the label paths", err)
	}
	if err != nil {
		return nil, err
	}
	if len(s.problems) > 0 {
		return nil, errors.Join(s.problems...)
	}
	for i, n := range s.hits {
		if n == 0 && !opt.Present {
			return nil, fmt.Errorf("%s: %w", opt.Patterns[i], ErrNothing)
		}
	}
	if len(s.found) == 0 {
		return nil, ErrNothing
	}
	slices.SortFunc(s.found, func(a, b Source) int { return strings.Compare(a.Path, b.Path) })
	return s.found, nil
}

// walk looks at every file below the roots. Of those that need not be there each is looked at on its own.
func (s *search) walk(ctx context.Context, roots []filetree.Root) error {
	opt := filetree.ArchiveOptions{Exclude: s.opt.Exclude, Covered: s.opt.Covered, Defaults: s.opt.Patterns == nil}
	if !s.opt.Present {
		return filetree.FindFiles(ctx, roots, opt, len(magic), s.visit)
	}
	for i := range roots {
		if err := filetree.FindFiles(ctx, roots[i:i+1], opt, len(magic), s.visit); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// ErrNothing is a search without a result.
var ErrNothing = errors.New("no SQLite database is there")

type search struct {
	opt      FindOptions
	hits     []int
	found    []Source
	problems []error
}

func (s *search) visit(f filetree.Found) error {
	begins := bytes.HasPrefix(f.Head, []byte(magic))
	wanted, named, literal := len(s.opt.Patterns) == 0, false, false
	for i, p := range s.opt.Patterns {
		switch {
		case p == f.Path:
			named, literal = true, true
		case isPattern(p) && filetree.MatchPath(p, f.Path) && !isSide(f.Path):
			named = true
		case !isPattern(p) && strings.HasPrefix(f.Path, strings.TrimSuffix(p, "/")+"/") && begins:
			wanted = true
		default:
			continue
		}
		s.hits[i]++
	}
	switch {
	case !named && (!wanted || !begins):
	case len(f.Head) == 0 && s.opt.Present:
	case !begins && len(f.Head) == 0:
		s.problem(f.Path, "is empty: no database has been made in it yet; leave it out with the label exclude, or name others")
	case !begins:
		s.problem(f.Path, "is no SQLite database, or an encrypted one; leave it out with the label exclude, or name others")
	case f.Alone:
		s.problem(f.Path, "is mounted as a single file: what SQLite keeps beside it stays in the container and cannot be seen; mount its folder instead")
	default:
		s.found = append(s.found, Source{Path: f.Path, Here: f.Here, Named: literal})
	}
	return nil
}

func (s *search) problem(path, what string) {
	const most = 20
	if len(s.problems) < most {
		s.problems = append(s.problems, fmt.Errorf("%s %s", path, what))
	}
}

func isPattern(p string) bool { return strings.ContainsAny(p, "*?[") }

func isSide(path string) bool {
	return slices.ContainsFunc(sides, func(side string) bool { return strings.HasSuffix(path, side) })
}
