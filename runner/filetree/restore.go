package filetree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// RestoreOptions say how roots are put back.
type RestoreOptions struct {
	Token   string   // names the hidden folders; the same for Recover, and never used twice
	Exclude []string // the patterns that the archive was made with: what they kept out of it is left alone
	Covered []string // container paths at which the container has another mount: left alone
	Need    int64    // bytes that the archive unpacks to, when known: the space for them is looked for first
	Absent  []string // container paths of roots that shall not be there afterwards; the archive may hold nothing of them

	// Check looks at what was unpacked for a root, which lies at the path here until the swap; an error leaves
	// everything as it was. nil: nothing is looked at.
	Check func(root Root, here string) error

	step func(what string) error // tests stop here
}

// Restore makes the roots hold exactly what the archive in r holds. It reads r to its end first; any error until then,
// also one in the place of io.EOF, leaves everything as it was. A root of which the archive holds nothing is left as
// it is, with a warning. After a crash Recover with the same token finishes or undoes it.
func Restore(ctx context.Context, roots []Root, opt RestoreOptions, r io.Reader) (Summary, error) {
	if err := errors.Join(checkRoots(roots), checkToken(opt.Token)); err != nil {
		return Summary{}, err
	}
	skip, err := parsePatterns(opt.Exclude)
	if err != nil {
		return Summary{}, err
	}
	if opt.step == nil {
		opt.step = func(string) error { return nil }
	}
	s := &restorer{opt: opt, skip: skip, roots: roots, swap: swapper{opt.step}}
	defer s.close()
	sum, err := s.unpack(ctx, r)
	if err != nil {
		return Summary{}, errors.Join(err, s.discard(s.places))
	}
	if err := s.commit(); err != nil {
		return Summary{}, err
	}
	sum.Warnings = append(sum.Warnings, s.warnings...)
	return sum, nil
}

type restorer struct {
	opt      RestoreOptions
	skip     *patterns
	roots    []Root
	places   []*place
	swap     swapper
	warnings []string
}

func (s *restorer) close() {
	for _, p := range s.places {
		p.close()
	}
}

// unpack reads the whole archive into the hidden folders and prepares the swap.
func (s *restorer) unpack(ctx context.Context, r io.Reader) (Summary, error) {
	for _, root := range s.roots {
		p, err := openPlace(root, true)
		if err != nil {
			return Summary{}, err
		}
		s.places = append(s.places, p)
		if err := s.opt.step(root.Path + " begin"); err != nil {
			return Summary{}, err
		}
		if err := p.begin(s.opt.Token); err != nil {
			return Summary{}, err
		}
	}
	if err := s.checkNeed(); err != nil {
		return Summary{}, err
	}
	x := newExtractor(ctx, r, s.place)
	if err := x.run(); err != nil {
		return Summary{}, err
	}
	if err := s.prepare(); err != nil {
		return Summary{}, err
	}
	return Summary{
		Entries: x.digest.entries, Bytes: x.digest.bytes, Digest: x.digest.String(), Warnings: x.notes.sentences(),
	}, nil
}

// checkNeed looks for space where that can be said: with one root, all goes to one volume.
func (s *restorer) checkNeed() error {
	if s.opt.Need <= 0 || len(s.places) != 1 || s.places[0].base < 0 {
		return nil
	}
	if err := checkSpace(s.places[0].base, s.opt.Need); err != nil {
		return fmt.Errorf("restore %s: %w", s.roots[0].Path, err)
	}
	return nil
}

// place finds where a member belongs.
func (s *restorer) place(member string) (*tree, string, error) {
	i, rel, ok := owner(s.roots, member)
	if !ok {
		return nil, "", errors.New("lies outside of the paths that are restored; the service may have been changed since: name the backup's paths")
	}
	p := s.places[i]
	p.used = true
	return p.tree, strings.TrimSuffix(joinRel(p.tree.prefix, rel), "/"), nil
}

func joinRel(prefix, rel string) string {
	if prefix == "" {
		return rel
	}
	return prefix + "/" + rel
}

// prepare drops the places of which the archive holds nothing, and brings the others to the edge of the swap.
func (s *restorer) prepare() error {
	var used, idle []*place
	for _, p := range s.places {
		if p.used || s.absent(p) {
			used = append(used, p)
		} else {
			idle = append(idle, p)
			s.warnings = append(s.warnings, fmt.Sprintf("%s is not in the backup and was left as it is", p.root.Path))
		}
	}
	if !slices.ContainsFunc(used, func(p *place) bool { return p.used }) {
		return errors.New("the archive holds nothing of the paths that are restored")
	}
	for _, p := range used {
		if p.only == "" && p.tree.root == nil {
			if s.absent(p) {
				return fmt.Errorf("%s is a folder or a mount, where nothing may be", p.root.Path)
			}
			return fmt.Errorf("the archive holds files of %s but not the path itself", p.root.Path)
		}
		p.state.New = metaOf(p.tree.root)
		covered := s.opt.Covered
		for _, r := range s.roots {
			covered = append(covered[:len(covered):len(covered)], r.Path)
		}
		if err := p.findKept(s.skip, covered); err != nil {
			return err
		}
	}
	if err := s.check(used); err != nil {
		return err
	}
	if err := s.discard(idle); err != nil {
		return err
	}
	for _, p := range idle {
		p.close()
	}
	s.places = used
	return nil
}

// absent says whether nothing shall be at the place afterwards.
func (s *restorer) absent(p *place) bool {
	return !p.used && slices.Contains(s.opt.Absent, p.root.Path)
}

func (s *restorer) check(used []*place) error {
	if s.opt.Check == nil {
		return nil
	}
	for _, p := range used {
		if !p.used || p.fresh < 0 {
			continue
		}
		here, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", p.fresh))
		if err != nil {
			return fmt.Errorf("find what was unpacked of %s: %w", p.root.Path, err)
		}
		if err := s.opt.Check(p.root, path.Join(here, p.only)); err != nil {
			return fmt.Errorf("check what was unpacked of %s: %w", p.root.Path, err)
		}
	}
	return nil
}

// commit swaps all places. The journals are on disk before the first rename; a step that fails is undone everywhere.
func (s *restorer) commit() error {
	if err := s.ready(); err != nil {
		return errors.Join(err, s.discard(s.places))
	}
	err := s.swapAll()
	if err == nil {
		err = s.overwriteFiles()
	}
	if err != nil {
		return errors.Join(err, s.undo())
	}
	for _, p := range s.places {
		err := s.opt.step(p.root.Path + " remove")
		if err == nil {
			err = p.remove(s.opt.Token, p.state.New)
		}
		if err != nil {
			s.warnings = append(s.warnings, fmt.Sprintf("restored, but what was replaced is still there: %v", err))
		}
	}
	return nil
}

func (s *restorer) ready() error {
	for _, p := range s.places {
		if p.base < 0 {
			continue
		}
		if err := unix.Syncfs(p.base); err != nil {
			return fmt.Errorf("bring %s to disk: %w", p.root.Path, err)
		}
	}
	for _, p := range s.places {
		if p.base < 0 {
			continue
		}
		if err := s.swap.phase(p, phaseReady); err != nil {
			return err
		}
	}
	return nil
}

func (s *restorer) swapAll() error {
	for _, p := range s.places {
		if p.base < 0 {
			continue
		}
		if err := s.swap.forward(p); err != nil {
			return err
		}
	}
	return nil
}

// undo brings all places back and takes the hidden folders away.
func (s *restorer) undo() error {
	var all []error
	for _, p := range s.places {
		if p.base < 0 {
			continue
		}
		err := s.swap.back(p)
		if err == nil {
			err = p.remove(s.opt.Token, p.state.Old)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// discard removes hidden folders of which nothing has been swapped yet.
func (s *restorer) discard(list []*place) error {
	var all []error
	for _, p := range list {
		if p.stage >= 0 || p.base >= 0 {
			all = append(all, p.remove(s.opt.Token, p.state.Old))
		}
	}
	return errors.Join(all...)
}

// overwriteFiles comes last: files that are mounts themselves cannot be swapped, but their old content is at hand
// should one of them fail.
func (s *restorer) overwriteFiles() error {
	var done []func() error
	for _, p := range s.places {
		if p.base >= 0 {
			continue
		}
		back, err := p.overwrite(s.opt.step)
		if back != nil {
			done = append(done, back)
		}
		if err != nil {
			err = fmt.Errorf("overwrite %s: %w", p.root.Path, err)
			for _, b := range done {
				err = errors.Join(err, b())
			}
			return err
		}
	}
	return nil
}

// overwrite puts the unpacked content into the mounted file. back brings the old content and metadata back.
func (p *place) overwrite(step func(string) error) (back func() error, err error) {
	old, err := readMeta(p.file)
	if err != nil {
		return nil, err
	}
	saved, err := unix.MemfdCreate("replaced", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := overwrite(saved, p.file); err != nil {
		return nil, err
	}
	if err := step(p.root.Path + " overwrite"); err != nil {
		return nil, err
	}
	back = func() error { return errors.Join(overwrite(p.file, saved), old.apply(p.file), unix.Close(saved)) }
	if err := overwrite(p.file, p.tree.file); err != nil {
		return back, err
	}
	return back, errors.Join(unix.Fsync(p.file), p.state.New.apply(p.file))
}
