package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/retention"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/target/hangtest"
	"github.com/simpledeploy/backup/runner/transform"
	"github.com/simpledeploy/backup/store"
)

// endless dumps until nobody takes it any more.
type endless struct{ strategy.Strategy }

func (endless) Dump(_ context.Context, _ strategy.Container, _ strategy.Options, w io.Writer) (strategy.Report, error) {
	for block := make([]byte, 1<<16); ; {
		if _, err := w.Write(block); err != nil {
			return strategy.Report{}, err
		}
	}
}

// content proves any stream.
type content struct{ n int64 }

func (c *content) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (c *content) Proof() (strategy.Proof, error) {
	return strategy.Proof{Format: "content", Bytes: c.n}, nil
}

func contentEntry() strategy.Entry {
	return strategy.Entry{
		Name: "content", Extension: ".bin", Available: true, Strategy: endless{},
		Prover: func() strategy.Prover { return &content{} },
	}
}

func TestStream_StorageThatHangsDoesNotKeepTheContainerPastTheTimeout(t *testing.T) {
	r, _, _ := storage(t)
	disk, path := hangtest.New(t.TempDir())
	targets, err := target.Load(t.Context(), target.Config{Paths: map[string]string{"nas": path}})
	if err != nil {
		t.Fatal(err)
	}
	nas, _ := targets.Get("nas")
	released, ended := make(chan struct{}), make(chan error, 1)
	ctx, timeout := context.WithCancelCause(t.Context())
	defer timeout(nil)
	go func() {
		_, err := r.stream(ctx, streamJob{
			run: "run", entry: contentEntry(), compression: transform.Compression{Algorithm: transform.None}, target: nas,
			key: "host/shop/app/default/20260301T020000Z-run.bin",
			released: func() error {
				close(released)
				return nil
			},
		})
		ended <- err
	}()
	<-disk.Began
	timeout(&timeoutError{"the job's timeout has passed"})
	select {
	case <-released:
	case <-time.After(10 * time.Second):
		t.Error("the container is held as long as the storage hangs")
	}
	close(disk.Back)
	if err := <-ended; err == nil {
		t.Error("a stream that was cut short ended well")
	}
}

// storage is a store and two folders, without any engine.
func storage(t *testing.T) (r *Runner, local, far string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(dir, "simpledeploy.db"), store.Options{Instance: "host"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	local, far = filepath.Join(dir, "local"), filepath.Join(dir, "far")
	targets, err := target.Load(t.Context(), target.Config{LocalDir: local, Paths: map[string]string{"far": far}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Store: s, Targets: targets, Registry: []strategy.Entry{contentEntry()}, Workers: 1, Now: time.Now, Logger: zerolog.Nop()}
	return &Runner{cfg: cfg, log: cfg.Logger}, local, far
}

// stored puts one whole backup on "local", with its manifest.
func stored(t *testing.T, r *Runner, raw string) target.Manifest {
	t.Helper()
	key := target.Key{Instance: "host", Project: "shop", Service: "app", Job: "default", Time: time.Now(), RunID: store.NewID(), Extension: ".bin"}
	sum := sha256.Sum256([]byte(raw))
	hash := transform.NewMeter(transform.NewXXH64())
	_, _ = io.WriteString(hash, raw)
	m := target.Manifest{
		Instance: key.Instance, Project: key.Project, Service: key.Service, Job: key.Job, Run: key.RunID, Key: key.String(), Strategy: "content",
		StartedAt: key.Time, FinishedAt: key.Time, Stored: target.Stored{Bytes: int64(len(raw)), SHA256: hex.EncodeToString(sum[:])},
		Raw: target.Raw{Bytes: int64(len(raw)), XXH64: hash.Sum(), Extension: ".bin"},
	}
	local, _ := r.cfg.Targets.Get("local")
	if _, err := local.Put(t.Context(), m.Key, strings.NewReader(raw), target.PutOptions{Size: int64(len(raw))}); err != nil {
		t.Fatal(err)
	}
	if err := putManifest(t.Context(), local, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTryCopy_NeverMultipliesAnObjectThatHasGoneBad(t *testing.T) {
	r, local, far := storage(t)
	m := stored(t, r, strings.Repeat("good", 1000))
	run := store.Run{
		ID: m.Run, Instance: m.Instance, Project: m.Project, Service: m.Service, Job: m.Job, State: store.Partial, Trigger: "manual",
		StoredBytes: m.Stored.Bytes, SHA256: m.Stored.SHA256, StartedAt: m.StartedAt, Quorum: 2, Targets: []string{"local", "far"},
	}
	if err := r.cfg.Store.CreateRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	due := store.Artifact{RunID: run.ID, Target: "far", Key: m.Key, Bytes: m.Stored.Bytes, SHA256: run.SHA256, State: store.Due}
	run.Artifacts = []store.Artifact{{RunID: run.ID, Target: "local", Key: m.Key, Bytes: m.Stored.Bytes, SHA256: run.SHA256, State: store.Present}, due}
	if err := r.cfg.Store.CommitRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	object := filepath.Join(local, m.Key)
	good, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Replace(good, []byte("good"), []byte("goof"), 1)
	if err := os.WriteFile(object, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	got := r.tryCopy(t.Context(), run, due)
	if got.State != store.Due || !strings.Contains(got.Error, "sha256") || !got.NextAttempt.After(time.Now()) {
		t.Errorf("a copy of a bad object is %s (%s), tried again at %s", got.State, got.Error, got.NextAttempt)
	}
	if left, _ := filepath.Glob(filepath.Join(far, filepath.Dir(m.Key), "*")); len(left) > 0 {
		t.Errorf("the other target holds %v", left)
	}
	recorded, err := r.cfg.Store.Run(t.Context(), run.ID)
	if now, _ := artifactOn(recorded, "far"); err != nil || recorded.State != store.Partial || now.State != store.Due {
		t.Errorf("the record says %s, far %s (%v)", recorded.State, now.State, err)
	}
	if err := os.WriteFile(object, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.tryCopy(t.Context(), run, due); got.State != store.Present {
		t.Errorf("a copy of a good object is %s: %s", got.State, got.Error)
	}
}

func TestOpenBackup_WithholdsTheEndWhenTheStoredBytesAreOthers(t *testing.T) {
	r, _, _ := storage(t)
	m := stored(t, r, "what was dumped")
	local, _ := r.cfg.Targets.Get("local")
	read := func(m target.Manifest) error {
		in, err := OpenBackup(t.Context(), local, m, r.cfg.Registry, 1)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, in)
		return errors.Join(err, in.Close())
	}
	if err := read(m); err != nil {
		t.Fatalf("read what is whole: %v", err)
	}
	other := sha256.Sum256([]byte("what was stored"))
	m.Stored.SHA256 = hex.EncodeToString(other[:])
	if err := read(m); err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("read what is not what was stored: %v", err)
	}
}

func TestPruneJob_KeepsTheSourceOfACopyThatIsStillDue(t *testing.T) {
	r, _, _ := storage(t)
	r.cfg.RetentionByTarget = map[string]labels.Retention{"local": {Last: 1}}
	now := time.Now()
	for i := range 5 {
		run := store.Run{
			ID: store.NewID(), Instance: "host", Project: "shop", Service: "app", Job: "default", State: store.Partial, Trigger: "schedule",
			StartedAt: now.Add(time.Duration(i-5) * time.Hour), Targets: []string{"local", "far"}, Quorum: 1,
		}
		if err := r.cfg.Store.CreateRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		run.Artifacts = []store.Artifact{{RunID: run.ID, Target: "local", State: store.Present}, {RunID: run.ID, Target: "far", State: store.Due}}
		if err := r.cfg.Store.CommitRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	results, err := r.pruneJob(t.Context(), "shop/app/default", labels.Retention{Last: 3}, time.UTC, true)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]int{}
	for _, res := range results {
		if !res.Remove {
			kept[res.Target]++
		}
	}
	// "local" keeps one of its own and two more from which "far" awaits a copy; what neither wants goes.
	if diff := cmp.Diff(map[string]int{"local": 3, "far": 3}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestDecide_BackupsWithADateInTheFutureDoNotPushOutTheOthers(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	runs := backups(now, store.Present, store.Present, store.Present, store.Present, store.Present, store.Present)
	for i := range 3 { // made while the clock was years ahead
		runs[i].StartedAt = now.AddDate(4, 0, -i)
	}
	decisions := decide(runs, "far", retention.Policy{Last: 2}, now, time.UTC, false)
	if diff := cmp.Diff([]string{"run5"}, removed(decisions)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestClock_SetBackFiresByTheNewTime(t *testing.T) {
	r, _, _ := storage(t)
	now := time.Date(2031, 6, 1, 12, 30, 0, 0, time.UTC) // wrong by years
	var fired []string
	c := newClock(r.cfg.Store, func() time.Time { return now }, false, func(_ unit, tick time.Time, trigger string) {
		fired = append(fired, trigger+" "+tick.Format(time.DateTime))
	})
	hourly, err := labels.ParseSchedule("0 * * * *", "UTC", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	job := labels.Job{Schedule: hourly}
	job.Project, job.Service, job.Name = "shop", "app", "default"
	if _, err := r.cfg.Store.PutJobs(t.Context(), []store.Job{{ID: job.ID(), Project: "shop", Service: "app", Name: "default", Declared: true}}); err != nil {
		t.Fatal(err)
	}
	if err := c.set(t.Context(), []unit{{id: job.ID(), jobs: []labels.Job{job}}}); err != nil {
		t.Fatal(err)
	}
	c.fireDue(t.Context())
	now = time.Date(2026, 3, 1, 2, 10, 0, 0, time.UTC) // the time server was reached
	c.fireDue(t.Context())
	if next := c.nextOf(job.ID()); !next.Equal(time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("the next run is at %s", next)
	}
	now = now.Add(time.Hour)
	c.fireDue(t.Context())
	c.fireDue(t.Context())
	if diff := cmp.Diff([]string{"catch-up 2026-03-01 03:00:00"}, fired); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
}
