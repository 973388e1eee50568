package filetree

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Recover finishes or undoes the restore with this token that a crash has interrupted. Places are one: when any of
// them has begun to swap, all go on, and when any has begun to undo, all go back. Nothing to do is no error.
func Recover(ctx context.Context, roots []Root, token string) error {
	if err := errors.Join(checkRoots(roots), checkToken(token)); err != nil {
		return err
	}
	r := &recovery{token: token, swap: swapper{func(string) error { return context.Cause(ctx) }}}
	defer r.close()
	for _, root := range roots {
		if err := r.find(root); err != nil {
			return fmt.Errorf("recover %s: %w", root.Path, err)
		}
	}
	return r.run()
}

type recovery struct {
	token  string
	swap   swapper
	places []*place
}

func (r *recovery) close() {
	for _, p := range r.places {
		p.close()
	}
}

// find looks for the hidden folder in the root and beside it: what is at the root now may not be what was there.
func (r *recovery) find(root Root) error {
	p, err := openPlace(root, false)
	if err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	}
	found, err := r.take(p)
	if found || err != nil || root.Sub == "" || p.only != "" {
		return err
	}
	dir, _, err := root.splitRoot(false)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	base, err := open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	_, err = r.take(&place{root: root, base: base, stage: -1, fresh: -1, old: -1, file: -1, tree: &tree{fd: -1, file: -1}})
	return err
}

func (r *recovery) take(p *place) (found bool, err error) {
	if p.base < 0 {
		p.close()
		return false, nil
	}
	p.stage, err = openBeneath(p.base, stageName(r.token, p.root), unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ENOENT) {
		p.close()
		return false, nil
	}
	r.places = append(r.places, p)
	if err != nil {
		return false, err
	}
	return true, p.read()
}

func (r *recovery) run() error {
	swapping, undoing := false, false
	for _, p := range r.places {
		switch p.state.Phase {
		case phaseOut, phaseKeep, phaseIn, phaseDone:
			swapping = true
		case phaseUndoIn, phaseUndoKeep, phaseUndoOut, phaseUndone:
			undoing = true
		}
	}
	for _, p := range r.places {
		if err := r.move(p, swapping && !undoing, undoing); err != nil {
			return err
		}
	}
	for _, p := range r.places {
		m := p.state.Old
		if p.state.Phase == phaseDone {
			m = p.state.New
		}
		if err := p.remove(r.token, m); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) move(p *place, forward, back bool) error {
	switch p.state.Phase {
	case "", phaseUndone:
		return nil
	case phaseReady:
		if !forward {
			return nil
		}
	case phaseDone:
		if !back {
			return nil
		}
	}
	if err := p.openHalves(); err != nil {
		return fmt.Errorf("recover %s: %w", p.root.Path, err)
	}
	if back {
		return r.swap.back(p)
	}
	return r.swap.forward(p)
}
