package runner_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// idle starts a container of the test's project that does nothing, with a volume on /files.
func (a *appliance) idle(service string, keys map[string]string) *enginetest.Container {
	a.t.Helper()
	return enginetest.Run(a.t, enginetest.RunOptions{
		Image: enginetest.BaseImage(a.t), Labels: a.labels(service, keys), Volumes: []string{enginetest.Volume(a.t) + ":/files"},
		Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
	})
}

func TestRun_VolumeIsBackedUpProvenAndRestored(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual"})
	c.Exec(t, "sh", "-c", "mkdir -p /files/a/b && echo one > /files/a/b/one && ln /files/a/b/one /files/hard && ln -s a /files/soft && chmod 640 /files/hard")
	a.start()
	run := a.succeeded(a.run("app"))
	if len(run.Artifacts) != 1 || run.Artifacts[0].State != store.Present || run.RawBytes == 0 || len(run.Proof) == 0 {
		t.Errorf("the record is not complete: %+v", run)
	}
	if got := a.files(a.backups()); len(got) != 2 || !strings.HasSuffix(got[0], ".tar.zst") || !strings.HasSuffix(got[1], target.ManifestSuffix) {
		t.Errorf("target holds %v, want one object with its manifest", got)
	}
	before := c.Exec(t, "sh", "-c", "cd /files && find . -printf '%P %y %m %l %n %T@\\n' | sort && cat a/b/one")
	c.Exec(t, "sh", "-c", "echo damaged > /files/a/b/one; rm /files/hard; touch /files/extra")
	row := a.restore(runner.RestoreRequest{Service: "app"})
	if row.State != store.Succeeded || row.SafetyRun == "" {
		t.Fatalf("restore: %s: %s (safety %q)", row.State, row.Error, row.SafetyRun)
	}
	a.until("the container is back", func() bool {
		return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID) == "running"
	})
	if after := c.Exec(t, "sh", "-c", "cd /files && find . -printf '%P %y %m %l %n %T@\\n' | sort && cat a/b/one"); after != before {
		t.Errorf("restored tree differs:\nbefore:\n%s\nafter:\n%s", before, after)
	}
	if left := enginetest.Docker(t, "ps", "-aq", "--filter", "label=com.simpledeploy.backup.role=helper", "--filter", "label=com.simpledeploy.backup.store="+a.store.ID()); left != "" {
		t.Errorf("helper containers are left: %s", left)
	}
}

func TestRun_SchedulesByItselfOnceLabelled(t *testing.T) {
	a := newAppliance(t)
	a.start()
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "@every 2s"})
	c.Exec(t, "sh", "-c", "echo one > /files/one")
	a.until("two scheduled runs have succeeded", func() bool {
		runs, _, err := a.store.Runs(t.Context(), store.Filter{Project: a.project, State: store.Succeeded, Trigger: "schedule"})
		a.must(err)
		return len(runs) >= 2
	})
}

func TestSeen_LabelledContainerIsScheduledWithinTwoSecondsAndAbsentWhenGone(t *testing.T) {
	a := newAppliance(t)
	a.start()
	a.until("the first snapshot", func() bool { return !a.runner.Snapshot().At.IsZero() })
	started := time.Now()
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "0 2 * * *"})
	a.until("the job has its next run", func() bool {
		job, err := a.store.Job(t.Context(), a.project+"/app/default")
		return err == nil && job.Declared && !job.NextRun.IsZero()
	})
	if took := time.Since(started); took > 2*time.Second+startOf(t, c) {
		t.Errorf("it took %s from docker run to the schedule", took)
	}
	a.succeeded(a.run("app"))
	enginetest.Docker(t, "rm", "-f", c.ID)
	a.until("the job is absent", func() bool {
		job, err := a.store.Job(t.Context(), a.project+"/app/default")
		a.must(err)
		return !job.Declared && job.NextRun.IsZero()
	})
	held, err := a.store.Backups(t.Context(), a.project+"/app/default")
	a.must(err)
	if len(held) != 1 {
		t.Errorf("backups of the absent job: %d, want 1", len(held))
	}
	if _, err := a.runner.Prune(t.Context(), a.project+"/app/default", false, false); err == nil {
		t.Error("an absent job was pruned without --absent")
	}
	_, err = a.runner.Prune(t.Context(), a.project+"/app/default", true, true)
	a.must(err)
	if _, err := a.store.Job(t.Context(), a.project+"/app/default"); err != nil {
		t.Errorf("a dry run gave the job up: %v", err)
	}
	results, err := a.runner.Prune(t.Context(), a.project+"/app/default", true, false)
	a.must(err)
	if _, err := a.store.Job(t.Context(), a.project+"/app/default"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the job that was given up is still listed: %v", err)
	}
	if len(results) != 1 || len(a.files(a.backups())) != 0 {
		t.Errorf("prune --absent: %+v, left %v", results, a.files(a.backups()))
	}
}

// startOf is how long the engine took to start the container: not ours to hurry.
func startOf(t *testing.T, c *enginetest.Container) time.Duration {
	t.Helper()
	out := enginetest.Docker(t, "inspect", "-f", "{{.Created}} {{.State.StartedAt}}", c.ID)
	created, started, _ := strings.Cut(out, " ")
	from, err := time.Parse(time.RFC3339Nano, created)
	if err != nil {
		t.Fatal(err)
	}
	to, err := time.Parse(time.RFC3339Nano, started)
	if err != nil {
		t.Fatal(err)
	}
	return to.Sub(from)
}

func TestRun_ProblemRefusesOneJobAndOthersGoOn(t *testing.T) {
	a := newAppliance(t)
	a.idle("bad-cron", map[string]string{"strategy": "volume", "schedule": "61 2 * * *"})
	a.idle("bad-key", map[string]string{"strategy": "volume", "retentoin": "7", "rpo": "1s"})
	a.idle("bad-target", map[string]string{"strategy": "volume", "target": "s3"})
	a.idle("secret", map[string]string{"strategy": "volume", "password": "hunter2"})
	a.idle("good", map[string]string{"strategy": "volume", "schedule": "manual"})
	a.start()
	a.succeeded(a.run("good"))
	problems, err := a.store.Problems(t.Context())
	a.must(err)
	refused := map[string]string{}
	for _, p := range problems {
		if p.Severity == "problem" {
			refused[p.Service] = p.Why + " " + p.Suggestion
		}
		if strings.Contains(p.Value+p.Why+p.Suggestion, "hunter2") {
			t.Errorf("a problem shows a secret: %+v", p)
		}
	}
	for service, word := range map[string]string{"bad-cron": "", "bad-key": "retention", "bad-target": "SIMPLEDEPLOY_TARGET_S3", "secret": ""} {
		if why, ok := refused[service]; !ok || !strings.Contains(why, word) {
			t.Errorf("%s: problem %q, want one with %q", service, why, word)
		}
	}
	a.until("a refused job's rpo counts", func() bool {
		return slices.Contains(a.runner.Health(t.Context()).Overdue, a.project+"/bad-key/default")
	})
	if _, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project, Service: "bad-cron"}); err == nil {
		t.Error("a refused job was triggered")
	}
}

func TestRun_SecondTargetDownIsPartialAndCatchesUp(t *testing.T) {
	a := newAppliance(t)
	blocked := filepath.Join(t.TempDir(), "offsite")
	a.must(os.WriteFile(blocked, []byte("a file where the folder should be"), 0o600))
	a.paths["offsite"] = blocked
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "target": "local,offsite"})
	c.Exec(t, "sh", "-c", "echo one > /files/one")
	a.start()
	run := a.run("app")
	if run.State != store.Partial || run.Cause != "target" || !strings.Contains(run.Error, "offsite") {
		t.Fatalf("run is %s (%s): %s; want partial", run.State, run.Cause, run.Error)
	}
	job, err := a.store.Job(t.Context(), run.JobID())
	a.must(err)
	if !job.LastSuccess.IsZero() {
		t.Error("a partial run counts as the last success")
	}
	a.must(os.Remove(blocked))
	a.must(os.Mkdir(blocked, 0o700))
	due, err := a.store.DueArtifacts(t.Context())
	a.must(err)
	for _, d := range due { // the hour of the next try has come
		d.NextAttempt = time.Time{}
		a.must(a.store.PutArtifact(t.Context(), d))
	}
	a.stop()
	a.start() // due copies survive a restart, and the loop looks at once
	a.until("the run is succeeded", func() bool {
		run, err = a.store.Run(t.Context(), run.ID)
		a.must(err)
		return run.State == store.Succeeded
	})
	for _, name := range a.files(a.backups()) {
		here, err := os.ReadFile(filepath.Join(a.backups(), name))
		a.must(err)
		there, err := os.ReadFile(filepath.Join(blocked, name))
		a.must(err)
		if !bytes.Equal(here, there) {
			t.Errorf("%s differs between the targets", name)
		}
	}
}

func TestRun_FirstTargetDownTheNextTakesTheStream(t *testing.T) {
	a := newAppliance(t)
	blocked := filepath.Join(t.TempDir(), "offsite")
	a.must(os.WriteFile(blocked, nil, 0o600))
	a.paths["offsite"] = blocked
	a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "target": "offsite,local", "quorum": "1"})
	a.start()
	run := a.succeeded(a.run("app"))
	if got, _ := artifact(run, "local"); got.State != store.Present {
		t.Errorf("local is %q, want present", got.State)
	}
	if got, _ := artifact(run, "offsite"); got.State != store.Due || got.Error == "" {
		t.Errorf("offsite is %q (%s), want due with a cause", got.State, got.Error)
	}
}

func artifact(run store.Run, name string) (store.Artifact, bool) {
	for _, a := range run.Artifacts {
		if a.Target == name {
			return a, true
		}
	}
	return store.Artifact{}, false
}

func TestRestore_CorruptedArtifactIsRefusedAndTheServiceStays(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual"})
	c.Exec(t, "sh", "-c", "head -c 3000000 /dev/urandom > /files/one")
	a.start()
	run := a.succeeded(a.run("app"))
	object := filepath.Join(a.backups(), run.Artifacts[0].Key)
	bytes, err := os.ReadFile(object)
	a.must(err)
	bytes[len(bytes)/2] ^= 1
	a.must(os.WriteFile(object, bytes, 0o600))
	c.Exec(t, "sh", "-c", "echo now > /files/two; rm /files/one")
	row := a.restore(runner.RestoreRequest{Service: "app", NoSafety: true})
	if row.State != store.Failed || !strings.Contains(row.Error, "nothing was changed") {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if got := c.Exec(t, "ls", "-A", "/files"); got != "two" {
		t.Errorf("after a refused restore the volume holds %q, want two", got)
	}
	if got := enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID); got != "running" {
		t.Errorf("the container is %s", got)
	}
	a.must(os.Truncate(object, int64(len(bytes)-7)))
	if _, err := a.runner.StartRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "app"}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("restore of a short object: %v", err)
	}
}

func TestRun_QuiescedContainerComesBackAfterTheApplianceDies(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s"})
	a.start()
	a.succeeded(a.run("app"))
	if got := enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID); got != "running" {
		t.Fatalf("after a run with quiesce=stop the container is %s", got)
	}
	// What a process that dies while it holds the container leaves: the journal's entry and a stopped container.
	a.must(a.store.AddJournal(t.Context(), store.Entry{
		ID: store.NewID(), Kind: "stopped", Project: a.project, Service: "app", Container: c.ID, RunID: "gone", Was: "running", At: time.Now(),
	}))
	enginetest.Docker(t, "stop", "-t", "0", c.ID)
	a.stop()
	a.start()
	a.until("the container is running again", func() bool {
		return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID) == "running"
	})
	a.until("the journal is empty", func() bool {
		entries, err := a.store.Journal(t.Context())
		a.must(err)
		return len(entries) == 0
	})
}

func TestRun_StoppedContainerIsBackedUpAndStaysStopped(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop"})
	c.Exec(t, "sh", "-c", "echo one > /files/one")
	enginetest.Docker(t, "stop", "-t", "0", c.ID)
	a.start()
	a.succeeded(a.run("app"))
	if got := enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID); got != "exited" {
		t.Errorf("a container that was stopped is %s after its backup", got)
	}
}

func TestRun_RecipeInTheManifestRestoresByHand(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual"})
	c.Exec(t, "sh", "-c", "echo one > /files/one")
	a.start()
	run := a.succeeded(a.run("app"))
	key := filepath.Join(a.backups(), run.Artifacts[0].Key)
	b, err := os.ReadFile(key + target.ManifestSuffix)
	a.must(err)
	m, err := target.DecodeManifest(run.Artifacts[0].Key, b)
	a.must(err)
	c.Exec(t, "rm", "/files/one")
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", m.Recipe)
	cmd.Dir = filepath.Dir(key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\nrecipe:\n%s", err, out, m.Recipe)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("by hand: %q", got)
	}
}
