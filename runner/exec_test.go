package runner_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

func (a *appliance) execJob(dump, restore, extension string) *enginetest.Container {
	a.t.Helper()
	keys := map[string]string{"strategy": "exec", "schedule": "manual", "retries": "0", "dump-command": dump, "restore-command": restore, "extension": extension}
	for key, value := range keys {
		if value == "" {
			delete(keys, key)
		}
	}
	return a.idle("app", keys)
}

func TestRun_ExecIsBackedUpProvenAndRestored(t *testing.T) {
	a := newAppliance(t)
	c := a.execJob("tar -C /files -c .", "set -e; find /files -mindepth 1 -delete; tar -C /files -x", ".tar")
	c.Exec(t, "sh", "-c", "echo one >/files/one")
	a.start()
	run := a.succeeded(a.run("app"))
	key := run.Artifacts[0].Key
	if !strings.HasSuffix(key, ".tar.zst") || !strings.Contains(string(run.Proof), `"entries":2`) {
		t.Errorf("key %s, proof %s", key, run.Proof)
	}
	c.Exec(t, "sh", "-c", "rm /files/one; echo two >/files/two")
	row := a.restore(runner.RestoreRequest{Service: "app"})
	if row.State != store.Succeeded || row.SafetyRun == "" {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if got := c.Exec(t, "sh", "-c", "cd /files; ls; cat one"); got != "one\none" {
		t.Errorf("restored %q", got)
	}
	c.Exec(t, "sh", "-c", "echo three >/files/one")
	file := filepath.Join(a.backups(), key)
	b, err := os.ReadFile(file + target.ManifestSuffix)
	a.must(err)
	m, err := target.DecodeManifest(key, b)
	a.must(err)
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", m.Recipe)
	cmd.Dir = filepath.Dir(file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\nrecipe:\n%s", err, out, m.Recipe)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("by hand: %q", got)
	}
}

func TestRun_ExecThatLeavesNoWholeBackupIsFailed(t *testing.T) {
	for name, c := range map[string]struct{ dump, extension, cause, want string }{
		"exit code":                    {"echo data; echo no room >&2; exit 3", "", "dump", "exit code 3: no room"},
		"nothing":                      {"true", "", "proof", "it is empty"},
		"archive that is cut":          {"tar -C / -c etc/passwd etc >/tmp/x && head -c 5000 /tmp/x", ".tar", "proof", "cut short"},
		"gzip that is cut":             {"gzip -c /bin/bash >/tmp/x && head -c 5000 /tmp/x", ".sql.gz", "proof", "cut short"},
		"error page instead of a dump": {"echo '<html>unauthorized</html>'", ".tar", "proof", "no whole archive|cut short|no tar"},
		"pipe that hides a failure":    {"sh -c 'echo half; exit 1' | tr a-z A-Z", "", "dump", "bash -o pipefail -c"},
		"timeout":                      {"echo data; sleep 600", "", "timeout", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			keys := map[string]string{"strategy": "exec", "schedule": "manual", "retries": "0", "dump-command": c.dump}
			if c.extension != "" {
				keys["extension"] = c.extension
			}
			if c.cause == "timeout" {
				keys["timeout"] = "2s"
			}
			a.idle("app", keys)
			a.start()
			run := a.run("app")
			a.failedWith(run, c.cause)
			found := c.want == ""
			for _, want := range strings.Split(c.want, "|") {
				found = found || strings.Contains(run.Error, want)
			}
			if !found {
				t.Errorf("the error says %q, want %q", run.Error, c.want)
			}
		})
	}
}

func TestRestore_WithoutARestoreCommandIsRefusedBeforeAnythingIsBegun(t *testing.T) {
	a := newAppliance(t)
	c := a.execJob("cat /files/one", "", "")
	c.Exec(t, "sh", "-c", "echo one >/files/one")
	a.start()
	a.succeeded(a.run("app"))
	before := a.files(a.backups())
	_, err := a.runner.StartRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "app"})
	if err == nil || !strings.Contains(err.Error(), "restore-command") || !strings.Contains(err.Error(), "--stdout") {
		t.Errorf("restore says %v", err)
	}
	if got := a.files(a.backups()); len(got) != len(before) {
		t.Errorf("a refused restore took a safety backup: %v", got)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("a refused restore changed the service: %q", got)
	}
}

func TestRestore_WithAPipeThatHidesAFailureIsRefusedBeforeAnythingIsBegun(t *testing.T) {
	a := newAppliance(t)
	c := a.execJob("cat /files/one", "tr a-z A-Z | cat >/files/one", "")
	c.Exec(t, "sh", "-c", "echo one >/files/one")
	a.start()
	a.succeeded(a.run("app"))
	before := a.files(a.backups())
	_, err := a.runner.StartRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "app"})
	if err == nil || !strings.Contains(err.Error(), "restore-command") || !strings.Contains(err.Error(), "bash -o pipefail -c") {
		t.Errorf("restore says %v", err)
	}
	if got := a.files(a.backups()); len(got) != len(before) {
		t.Errorf("a refused restore took a safety backup: %v", got)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("a refused restore changed the service: %q", got)
	}
}
