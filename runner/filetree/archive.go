package filetree

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// ArchiveOptions say what of the roots is left out.
type ArchiveOptions struct {
	Exclude  []string // patterns, see the package's documentation
	Covered  []string // container paths at which the container has a mount of its own: what lies under it is not seen there
	Defaults bool     // the roots were not named by anyone: sockets and read-only single files among them are left out
	ReadOnly []string // container paths that the container itself may only read
}

// inFlight is how many batches may be read ahead of the writer.
const inFlight = 6

// Archive writes the roots to w as one tar archive. A nil error means that the archive is complete; what happened to
// files meanwhile is in the Summary.
func Archive(ctx context.Context, roots []Root, opt ArchiveOptions, w io.Writer) (Summary, error) {
	if err := checkRoots(roots); err != nil {
		return Summary{}, err
	}
	skip, err := parsePatterns(opt.Exclude)
	if err != nil {
		return Summary{}, err
	}
	a := &archiver{notes: &notes{}, pool: &batches{}, w: w}
	total, err := a.run(ctx, &walker{
		roots: roots, skip: skip, covered: members(opt.Covered), opt: opt, xbuf: make([]byte, 64<<10),
	})
	s := Summary{Entries: total.entries, Bytes: total.bytes, Sockets: total.sockets, Warnings: a.notes.sentences()}
	return s, err
}

func members(paths []string) map[string]bool {
	m := map[string]bool{}
	for _, p := range paths {
		m[Root{Path: p}.member()] = true
	}
	return m
}

// archiver joins the walk, the readers and the writer. The walk puts every batch both into work, for any reader, and
// into order, for the writer.
type archiver struct {
	notes *notes
	pool  *batches
	w     io.Writer
}

func (a *archiver) run(ctx context.Context, wk *walker) (tally, error) {
	g, ctx := errgroup.WithContext(ctx)
	work, order := make(chan *batch, inFlight), make(chan *batch, inFlight)
	wk.ctx, wk.notes, wk.pool = ctx, a.notes, a.pool
	wk.send = func(b *batch) error {
		select {
		case order <- b:
		case <-ctx.Done():
			a.pool.put(b)
			return context.Cause(ctx)
		}
		work <- b // never waits longer than a reader needs: readers do not look at ctx
		return nil
	}
	g.Go(func() error {
		defer close(order)
		defer close(work)
		return wk.walk()
	})
	for range max(2, min(4, runtime.GOMAXPROCS(0))) {
		g.Go(func() error {
			r := newReader(a.notes)
			for b := range work {
				r.fill(b)
				close(b.done)
			}
			return nil
		})
	}
	var total tally
	g.Go(func() error {
		out := newStreamer(ctx, a.w, a.notes)
		defer func() { // after an error the rest is let go, so that the walk can end and folders are closed
			for b := range order {
				<-b.done
				a.pool.put(b)
			}
		}()
		for b := range order {
			<-b.done
			err := out.batch(b)
			a.pool.put(b)
			if err != nil {
				return err
			}
		}
		total = out.tally
		return nil
	})
	if err := g.Wait(); err != nil {
		return total, err
	}
	return total, a.end()
}

// end writes the two empty blocks that close an archive. Nothing follows them.
func (a *archiver) end() error {
	if _, err := a.w.Write(slices.Clone(zeros[:2*blockSize])); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}
