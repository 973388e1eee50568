package runner_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// cutShort is a strategy whose source says success though its last bytes are missing.
type cutShort struct{ strategy.Strategy }

func (s cutShort) Dump(ctx context.Context, c strategy.Container, opt strategy.Options, w io.Writer) (strategy.Report, error) {
	return s.Strategy.Dump(ctx, c, opt, &firstBytes{w: w, left: 2000})
}

// firstBytes passes the first bytes on and swallows the rest.
type firstBytes struct {
	w    io.Writer
	left int
}

func (f *firstBytes) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if _, err := f.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestRun_ADumpThatIsShortButSaysSuccessIsFailed(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "retries": "0"})
	c.Exec(t, "sh", "-c", "head -c 100000 /dev/urandom > /files/one")
	a.start(func(cfg *runner.Config) {
		for i, e := range cfg.Registry {
			if e.Name == "volume" {
				cfg.Registry[i].Strategy = cutShort{e.Strategy}
			}
		}
	})
	a.failedWith(a.run("app"), "proof")
}

// keepOne is a policy by which all but the newest backup may go.
func keepOne(c *runner.Config) {
	c.RetentionByTarget = map[string]labels.Retention{"local": {Last: 1}}
}

// seven is a job that keeps more than these tests make.
func seven() map[string]string {
	return map[string]string{"strategy": "volume", "schedule": "manual", "retention": "7", "retries": "0", "stop-timeout": "1s"}
}

// held is how many backups of the service the record has on "local".
func (a *appliance) held(service string) int {
	a.t.Helper()
	runs, err := a.store.Backups(a.t.Context(), a.project+"/"+service+"/default")
	a.must(err)
	return len(slices.DeleteFunc(runs, func(run store.Run) bool {
		got, ok := artifact(run, "local")
		return !ok || !got.Held()
	}))
}

func TestPrune_RemovesNothingFromAFolderThatAnotherStoreClaimed(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", seven())
	a.start()
	a.succeeded(a.run("app"))
	a.succeeded(a.run("app"))
	id := a.store.ID()
	a.stop()
	mark := filepath.Join(a.backups(), "testhost", "simpledeploy.json")
	text, err := os.ReadFile(mark)
	a.must(err)
	theirs := bytes.ReplaceAll(text, []byte(id), []byte("another-store"))
	if bytes.Equal(theirs, text) {
		t.Fatalf("the claim does not name the store %s: %s", id, text)
	}
	a.must(os.WriteFile(mark, theirs, 0o600))
	before := a.files(a.backups())
	a.start(keepOne)
	a.declared("app")
	if _, err := a.runner.Prune(t.Context(), a.project+"/app/default", false, false); err == nil || !strings.Contains(err.Error(), "another-store") {
		t.Errorf("prune in another's folder: %v", err)
	}
	if after := a.files(a.backups()); !slices.Equal(before, after) || a.held("app") != 2 {
		t.Errorf("the folder held %v and now %v; the record has %d backups", before, after, a.held("app"))
	}
}

func TestRun_AStorageThatIsNotMountedGetsNothingAndLosesNothing(t *testing.T) {
	a := newAppliance(t)
	a.idle("app", seven())
	a.start()
	a.succeeded(a.run("app"))
	a.succeeded(a.run("app"))
	a.stop()
	away := a.backups() + ".away"
	a.must(os.Rename(a.backups(), away))
	a.must(os.Mkdir(a.backups(), 0o700)) // the empty mount point
	a.start(keepOne)
	run := a.run("app")
	if run.State != store.Failed || run.Cause != "target" || !strings.Contains(run.Error, "mounted") {
		t.Errorf("run is %s (%s): %s", run.State, run.Cause, run.Error)
	}
	if _, err := a.runner.Prune(t.Context(), a.project+"/app/default", false, false); err == nil {
		t.Error("prune of a storage that is away said success")
	}
	if left, err := os.ReadDir(a.backups()); err != nil || len(left) > 0 || a.held("app") != 2 {
		t.Errorf("the mount point holds %v (%v), the record has %d backups", left, err, a.held("app"))
	}
	a.must(os.Remove(a.backups()))
	a.must(os.Rename(away, a.backups()))
	a.succeeded(a.run("app"))
}

func TestPrune_LeavesTheBackupThatIsBeingRestored(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", seven())
	c.Exec(t, "sh", "-c", "echo old > /files/one")
	a.start()
	oldest := a.succeeded(a.run("app"))
	c.Exec(t, "sh", "-c", "echo new > /files/one")
	a.succeeded(a.run("app"))
	a.succeeded(a.run("app"))
	a.stop()
	job, pruned := a.project+"/app/default", make(chan error, 1)
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		_, err := a.runner.Prune(ctx, job, false, false)
		pruned <- err
		return e.Engine.Stop(ctx, id, grace)
	}
	a.start(keepOne, tap(e))
	a.declared("app")
	row := a.restore(runner.RestoreRequest{Service: "app", RunID: oldest.ID})
	if row.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	a.must(<-pruned)
	if got := c.Exec(t, "cat", "/files/one"); got != "old" {
		t.Errorf("the file holds %q, want the oldest backup's", got)
	}
	if n := a.held("app"); n != 3 { // the newest, the safety backup, and the source; the middle one was pruned
		t.Errorf("the record has %d backups, want 3", n)
	}
	_, err := a.runner.Prune(t.Context(), job, false, false)
	a.must(err)
	if run, err := a.store.Run(t.Context(), oldest.ID); err != nil || run.Artifacts[0].State != store.Pruned {
		t.Errorf("once the restore is over its source is kept for ever: %+v (%v)", run.Artifacts, err)
	}
}

func TestRun_TooLittleRoomIsTheCauseSpace(t *testing.T) {
	t.Run("less than must stay free", func(t *testing.T) {
		a := newAppliance(t)
		a.idle("app", seven())
		a.start(func(c *runner.Config) { c.MinFree = 1 << 60 })
		a.failedWith(a.run("app"), "space")
	})
	t.Run("disk that fills up in mid-stream", func(t *testing.T) {
		a := newAppliance(t)
		small := filepath.Join(t.TempDir(), "small")
		a.must(os.Mkdir(small, 0o700))
		if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small).CombinedOutput(); err != nil {
			t.Skipf("a small disk needs the right to mount: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("umount", small).Run() })
		a.paths["small"] = small
		keys := seven()
		keys["target"] = "small"
		c := a.idle("app", keys)
		c.Exec(t, "sh", "-c", "head -c 8000000 /dev/urandom > /files/big")
		a.start()
		a.failedWith(a.run("app"), "space")
		if left := a.files(small); len(left) > 0 {
			t.Errorf("the full disk holds %v", left)
		}
	})
}
