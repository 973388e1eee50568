package filetree

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// swapper moves children between the root, old/ and new/. Every step can be done again after a crash: what has been
// moved is not there to be moved.
type swapper struct {
	step func(what string) error // called before each step; an error is taken for the step's own
}

func (s swapper) phase(p *place, phase string) error {
	if err := s.step(p.root.Path + " " + phase); err != nil {
		return err
	}
	return p.write(phase)
}

// forward swaps one place from whatever phase it is in to its end.
func (s swapper) forward(p *place) error {
	for {
		var err error
		var next string
		switch p.state.Phase {
		case phaseReady:
			next = phaseOut
		case phaseOut:
			err, next = s.moveAll(p, p.base, p.old, p.stays), phaseKeep
		case phaseKeep:
			err, next = s.moveKept(p, p.old, p.fresh), phaseIn
		case phaseIn:
			if err = s.moveAll(p, p.fresh, p.base, nil); err == nil {
				err = s.finish(p)
			}
			next = phaseDone
		default:
			return nil
		}
		if err == nil {
			err = s.phase(p, next)
		}
		if err != nil {
			return fmt.Errorf("swap %s: %w", p.root.Path, err)
		}
	}
}

// finish brings the swapped state to disk before the journal says that it is done.
func (s swapper) finish(p *place) error {
	if p.state.New != nil {
		if err := p.state.New.apply(p.base); err != nil {
			return err
		}
	}
	return unix.Syncfs(p.base)
}

// back undoes a swap from whatever phase it is in.
func (s swapper) back(p *place) error {
	for {
		var err error
		var next string
		switch p.state.Phase {
		case phaseDone, phaseIn:
			next = phaseUndoIn
		case phaseKeep:
			next = phaseUndoKeep
		case phaseOut:
			next = phaseUndoOut
		case phaseUndoIn:
			err, next = s.moveAll(p, p.base, p.fresh, p.stays), phaseUndoKeep
		case phaseUndoKeep:
			err, next = s.moveKept(p, p.fresh, p.old), phaseUndoOut
		case phaseUndoOut:
			err, next = s.moveAll(p, p.old, p.base, nil), phaseUndone
		default:
			return nil
		}
		if err == nil {
			err = s.phase(p, next)
		}
		if err != nil {
			return fmt.Errorf("undo the swap of %s: %w", p.root.Path, err)
		}
	}
}

// stays tells which children of the root are never moved: hidden folders of restores, and what is kept.
func (p *place) stays(name string) bool {
	if p.only != "" {
		return name != p.only
	}
	return strings.HasPrefix(name, StagingPrefix) || slices.Contains(p.kept, name)
}

func (s swapper) moveAll(p *place, from, to int, stays func(string) bool) error {
	names, err := listNames(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if stays != nil && stays(name) {
			continue
		}
		if err := s.step(p.root.Path + " move " + name); err != nil {
			return err
		}
		if err := unix.Renameat(from, name, to, name); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("move %q: %w", name, err)
		}
	}
	return nil
}

// moveKept moves what stays below the first level. Its folders exist on both sides and keep their times.
func (s swapper) moveKept(p *place, from, to int) error {
	for _, rel := range p.kept {
		up, name := splitPath(rel)
		if up == "" {
			continue
		}
		if err := s.step(p.root.Path + " keep " + rel); err != nil {
			return err
		}
		if err := moveOne(from, to, up, name); err != nil {
			return fmt.Errorf("keep %q: %w", rel, err)
		}
	}
	return nil
}

func moveOne(from, to int, up, name string) error {
	a, err := openWay(from, up)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(a)
	b, err := openWay(to, up)
	if err != nil {
		return err
	}
	defer unix.Close(b)
	var sa, sb unix.Stat_t
	if err := errors.Join(unix.Fstat(a, &sa), unix.Fstat(b, &sb)); err != nil {
		return err
	}
	if err := unix.Renameat(a, name, b, name); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return errors.Join(keepTimes(a, &sa), keepTimes(b, &sb))
}

func keepTimes(fd int, st *unix.Stat_t) error {
	return setTimes(fd, fd, "", &header{sec: st.Mtim.Sec, nsec: st.Mtim.Nsec})
}

// openWay opens a folder below another one, step by step.
func openWay(dir int, rel string) (int, error) {
	fd, err := open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	for part := range strings.SplitSeq(rel, "/") {
		next, err := openBeneath(fd, part, unix.O_RDONLY|unix.O_DIRECTORY)
		_ = unix.Close(fd)
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}
