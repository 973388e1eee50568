package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/simpledeploy/backup/status"
)

// followEvery is how often the server is asked; it answers from memory.
const followEvery = 250 * time.Millisecond

// follow waits until a run or restore has ended and draws how far it is, on a terminal.
func (p *program) follow(ctx context.Context, what string, ask func(context.Context) (status.Progress, error)) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	bar := &bar{p: p}
	defer bar.clear()
	for misses := 0; ; {
		now, err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s goes on without this command; simpledeploy-backup history tells how it ends", what)
		case err != nil:
			// A server that restarts is away for a moment, and the record keeps what became of the run.
			if misses++; misses > int(30*time.Second/followEvery) {
				return fmt.Errorf("follow %s: %w", what, err)
			}
		case now.Done:
			return nil
		default:
			misses = 0
			bar.draw(what, now)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// bar is a progress bar that begins anew with each phase.
type bar struct {
	p       *program
	phase   string
	current *progressbar.ProgressBar
}

func (b *bar) draw(what string, now status.Progress) {
	if !b.p.terminal {
		return
	}
	if b.current == nil || b.phase != now.Phase {
		b.clear()
		b.phase, b.current = now.Phase, newBar(b.p, now.Phase, now.ExpectedBytes)
	}
	// Drawing fails where the terminal is gone, and then nobody looks.
	if now.ExpectedBytes > 0 {
		_ = b.current.Set64(min(now.RawBytes, now.ExpectedBytes-1))
	} else {
		_ = b.current.Set64(now.RawBytes)
	}
	b.current.Describe(fmt.Sprintf("%s: %s", what, now.Phase))
}

func (b *bar) clear() {
	if b.current != nil {
		_ = errors.Join(b.current.Clear(), b.current.Exit())
		b.current = nil
	}
}

// newBar counts bytes; without an expected size it only turns and counts.
func newBar(p *program, phase string, expected int64) *progressbar.ProgressBar {
	total := expected
	if total <= 0 {
		total = -1
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.err),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetDescription(phase),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionClearOnFinish(),
	)
}
