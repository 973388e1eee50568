package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// The pauses between tries of one copy: doubling, bounded.
const (
	firstCopyPause = time.Minute
	longCopyPause  = time.Hour
	copyLook       = 20 * time.Second // how often a loop looks for copies whose time has come
)

// copyAll tries each of the run's due copies once. What is still due afterwards goes on by itself.
func (r *Runner) copyAll(ctx context.Context, run *store.Run) {
	for i, a := range run.Artifacts {
		if a.State == store.Due {
			run.Artifacts[i] = r.tryCopy(ctx, *run, a)
		}
	}
}

// tryCopy makes one attempt at one copy and records what became of it.
func (r *Runner) tryCopy(ctx context.Context, run store.Run, a store.Artifact) store.Artifact {
	hash, err := r.copyTo(ctx, run, a)
	a.Attempts, a.UpdatedAt = a.Attempts+1, r.now()
	if err == nil {
		a.State, a.Hash, a.Error, a.NextAttempt = store.Present, hash, "", time.Time{}
	} else {
		a.Error = err.Error()
		a.NextAttempt = r.now().Add(min(firstCopyPause<<min(a.Attempts-1, 10), longCopyPause))
		r.log.Warn().Err(err).Str("run", run.ID).Str("target", a.Target).Int("attempt", a.Attempts).Msg("copy is still due")
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := r.cfg.Store.PutArtifact(keep, a); err != nil {
		r.log.Error().Err(err).Str("run", run.ID).Str("target", a.Target).Msg("record a copy")
	}
	return a
}

// copyTo copies the stored object and its manifest, byte for byte, from a target that holds it. The hash is checked
// on the way: a source that has gone bad is never multiplied.
func (r *Runner) copyTo(ctx context.Context, run store.Run, a store.Artifact) (hash string, err error) {
	dst, err := r.fitTarget(ctx, a.Target, a.Bytes)
	if err != nil {
		return "", err
	}
	src, err := r.sourceOf(run)
	if err != nil {
		return "", err
	}
	m, manifest, err := readManifest(ctx, src, a.Key)
	if err != nil {
		return "", err
	}
	if m.Run != run.ID || m.Stored.SHA256 != run.SHA256 {
		return "", fmt.Errorf("the manifest of %s on %s is not the one of run %s", a.Key, src.Name(), run.ID)
	}
	in, _, err := src.Open(ctx, a.Key)
	if err != nil {
		return "", err
	}
	checked := &hashedReader{in: in, meter: transform.NewMeter(transform.NewSHA256()), want: run.SHA256}
	object, err := dst.Put(ctx, a.Key, checked, target.PutOptions{Size: a.Bytes, Expect: a.Bytes, SHA256: func() string { return run.SHA256 }})
	if err = errors.Join(err, in.Close()); err != nil {
		return "", err
	}
	_, err = dst.Put(ctx, a.Key+target.ManifestSuffix, bytes.NewReader(manifest), target.PutOptions{Size: int64(len(manifest))})
	return object.Hash, err
}

// sourceOf is a target that holds the run, one on this machine before a far one.
func (r *Runner) sourceOf(run store.Run) (*target.Target, error) {
	var far *target.Target
	for _, a := range run.Artifacts {
		if t, ok := r.cfg.Targets.Get(a.Target); ok && a.Held() {
			if t.Local() {
				return t, nil
			}
			far = t
		}
	}
	if far == nil {
		return nil, fmt.Errorf("no configured target holds run %s any more", run.ID)
	}
	return far, nil
}

// copyLoop keeps trying the due copies of one target, one after the other, so that a dead target holds up only
// its own.
func (r *Runner) copyLoop(ctx context.Context, name string) {
	every(ctx, copyLook, func() {
		due, err := r.cfg.Store.DueArtifacts(ctx)
		if err != nil {
			return // the store's trouble shows in health
		}
		for _, a := range due {
			if ctx.Err() == nil && a.Target == name && !a.NextAttempt.After(r.now()) {
				r.copyDue(ctx, a)
			}
		}
	})
}

// copyDue tries one copy outside its run and settles the run when it works.
func (r *Runner) copyDue(ctx context.Context, a store.Artifact) {
	run, err := r.cfg.Store.Run(ctx, a.RunID)
	if err != nil || run.State == store.Running || run.State == store.Queued {
		return
	}
	if now, ok := artifactOn(run, a.Target); !ok || now.State != store.Due {
		return // pruned or made while this list was worked off
	}
	if done := r.tryCopy(ctx, run, a); done.State != store.Present {
		return
	}
	if err := r.settleRun(ctx, run.ID); err != nil {
		r.log.Error().Err(err).Str("run", run.ID).Msg("record that a copy caught up")
	}
	r.pruneAfter(ctx, run)
}

// settleRun reads a run anew and records what its targets make of it now. Copies to several targets end at any
// time, so it is done by one of them at a time.
func (r *Runner) settleRun(ctx context.Context, id string) error {
	r.settling.Lock()
	defer r.settling.Unlock()
	run, err := r.cfg.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	before := run.State
	settleState(&run)
	if err := r.cfg.Store.UpdateRun(ctx, run); err != nil {
		return err
	}
	if run.State != before {
		r.tell(ctx, run)
	}
	return r.resettleGroup(ctx, run.GroupRun)
}

// hashedReader passes a stream on and gives an error in place of its end when the hash is not the wanted one.
type hashedReader struct {
	in    io.Reader
	meter *transform.Meter
	want  string // sha256 in hex
}

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.in.Read(p)
	_, _ = h.meter.Write(p[:n])
	if errors.Is(err, io.EOF) && h.meter.Sum() != h.want {
		return n, fmt.Errorf("the object is not what was stored: its sha256 is %s, not %s", short(h.meter.Sum()), short(h.want))
	}
	return n, err
}

func short(sum string) string {
	if _, err := hex.DecodeString(sum); err != nil || len(sum) < 12 {
		return sum
	}
	return sum[:12] + "…"
}
