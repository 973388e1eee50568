package main_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/target"
)

// image is the appliance's own image, built before the tests.
func image(t *testing.T) string {
	t.Helper()
	enginetest.Require(t)
	name := os.Getenv("TEST_IMAGE")
	if name == "" {
		t.Skip("TEST_IMAGE names no image of the appliance; `make test` builds it and sets it")
	}
	return name
}

// appliance is the real image running on the real engine, seeing only the test's own project.
type appliance struct {
	t       *testing.T
	c       *enginetest.Container
	data    string // its /data, on this machine
	project string
}

func startAppliance(t *testing.T, project string, env ...string) *appliance {
	t.Helper()
	data := t.TempDir()
	return &appliance{t: t, data: data, project: project, c: enginetest.Run(t, enginetest.RunOptions{
		Image: image(t), Env: append([]string{"SIMPLEDEPLOY_PROJECTS=" + project, "SIMPLEDEPLOY_INSTANCE=testhost"}, env...),
		Volumes: []string{"/var/run/docker.sock:/var/run/docker.sock", data + ":/data"},
	})}
}

// cli runs a command inside the appliance.
func (a *appliance) cli(args ...string) (string, error) {
	return a.c.TryExec(a.t.Context(), nil, append([]string{"simpledeploy-backup"}, args...)...)
}

func (a *appliance) until(what string, ok func() bool) {
	a.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(90 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			a.t.Fatalf("not within 90 seconds: %s\n%s", what, a.c.Logs(a.t))
		}
	}
}

// jobLabels are those of a Compose service with backup keys.
func jobLabels(project, service string, keys map[string]string) map[string]string {
	out := map[string]string{
		"com.docker.compose.project": project, "com.docker.compose.service": service,
		"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
	}
	for key, value := range keys {
		out["simpledeploy.backup."+key] = value
	}
	return out
}

func randomProject() string { return "p" + strings.ToLower(rand.Text()[:10]) }

type historyRow struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Artifacts []struct {
		Key   string `json:"key"`
		State string `json:"state"`
	} `json:"artifacts"`
}

func TestAppliance_KilledTwentyTimesAtRandomMomentsLeavesNothingBroken(t *testing.T) {
	project := randomProject()
	app := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
		Volumes: []string{enginetest.Volume(t) + ":/files"},
		Labels:  jobLabels(project, "app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s"}),
	})
	app.Exec(t, "sh", "-c", "for i in 1 2 3 4 5 6; do head -c 20000000 /dev/urandom > /files/$i; done")
	a := startAppliance(t, project)
	for round := range 20 {
		a.until("the appliance knows the job", func() bool {
			out, err := a.cli("run", "--detach", project+"/app")
			return err == nil && out != ""
		})
		moment, err := rand.Int(rand.Reader, big.NewInt(1500))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(moment.Int64()) * time.Millisecond)
		enginetest.Docker(t, "kill", "-s", "KILL", a.c.ID)
		enginetest.Docker(t, "start", a.c.ID)
		a.until("no run is under way", func() bool { return a.idle() })
		a.checkWorld(round, app)
	}
	if out, err := a.cli("run", project+"/app"); err != nil {
		t.Fatalf("a run after all the kills: %v\n%s", err, out)
	}
	a.checkWorld(20, app)
}

func (a *appliance) idle() bool {
	for _, state := range []string{"running", "queued"} {
		rows, err := a.history("--state", state)
		if err != nil || len(rows) > 0 {
			return false
		}
	}
	return true
}

func (a *appliance) history(args ...string) ([]historyRow, error) {
	out, err := a.cli(append([]string{"history", a.project, "--json"}, args...)...)
	if err != nil {
		return nil, err
	}
	var page struct {
		Runs []historyRow `json:"runs"`
	}
	return page.Runs, json.Unmarshal([]byte(out), &page)
}

// checkWorld looks at what a kill may have broken: the container, the target, the record, helpers.
func (a *appliance) checkWorld(round int, app *enginetest.Container) {
	a.t.Helper()
	a.until("the container is back", func() bool {
		return enginetest.Docker(a.t, "inspect", "-f", "{{.State.Status}}", app.ID) == "running"
	})
	objects := a.wholeBackups(round)
	rows, err := a.history("--limit", "200")
	if err != nil {
		a.t.Fatal(err)
	}
	for _, row := range rows {
		for _, artifact := range row.Artifacts {
			if artifact.State == "present" && !objects[artifact.Key] {
				a.t.Errorf("round %d: run %s (%s) lists %s, which is not on the target", round, row.ID, row.State, artifact.Key)
			}
		}
	}
	if left := enginetest.Docker(a.t, "ps", "-aq", "--filter", "label=com.simpledeploy.backup.role=helper", "--filter", "volume="+a.data); left != "" {
		a.t.Errorf("round %d: helpers are left: %s", round, left)
	}
}

// wholeBackups reads the target: every file is an object with its manifest or the manifest, and every object has the
// size and the hash that its manifest says.
func (a *appliance) wholeBackups(round int) map[string]bool {
	a.t.Helper()
	root := filepath.Join(a.data, "backups")
	objects, manifests := map[string]bool{}, map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "simpledeploy.json" {
			return err
		}
		key, err := filepath.Rel(root, path)
		if object, ok := strings.CutSuffix(key, target.ManifestSuffix); ok {
			manifests[object], err = os.ReadFile(path)
			return err
		}
		objects[key] = true
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for key := range objects {
		content, ok := manifests[key]
		if !ok {
			a.t.Errorf("round %d: %s has no manifest: a partial object stays", round, key)
			continue
		}
		m, err := target.DecodeManifest(key, content)
		if err != nil {
			a.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(root, key))
		if err != nil {
			a.t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m.Stored.SHA256 {
			a.t.Errorf("round %d: %s is not what its manifest says", round, key)
		}
	}
	for key := range manifests {
		if !objects[key] {
			a.t.Errorf("round %d: the manifest of %s has no object", round, key)
		}
	}
	return objects
}

func TestAppliance_SecondOneWithTheSameScopeSchedulesNothingAndSaysWhy(t *testing.T) {
	project := randomProject()
	enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"}, Volumes: []string{enginetest.Volume(t) + ":/files"},
		Labels: jobLabels(project, "app", map[string]string{"strategy": "volume", "schedule": "@every 1m"}),
	})
	first := startAppliance(t, project)
	first.until("the first is healthy", func() bool { _, err := first.cli("healthcheck"); return err == nil })
	second := startAppliance(t, project)
	second.until("the second says why it does nothing", func() bool {
		_, err := second.cli("healthcheck")
		return err != nil && strings.Contains(err.Error(), "SIMPLEDEPLOY_PROJECTS")
	})
	if out, err := second.cli("run", "--detach", project+"/app"); err == nil {
		t.Errorf("the second appliance took a run: %s", out)
	}
	if out, err := first.cli("run", project+"/app"); err != nil {
		t.Errorf("the first appliance: %v\n%s", err, out)
	}
}

func TestAppliance_DetectNamesWhatKeepsStateWithoutABackup(t *testing.T) {
	project := randomProject()
	enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"}, Volumes: []string{enginetest.Volume(t) + ":/files"},
		Labels: jobLabels(project, "forgotten", nil),
	})
	a := startAppliance(t, project)
	a.until("detect names it and ends with 3", func() bool {
		out, err := a.cli("detect")
		return strings.Contains(out, "forgotten") && err != nil && strings.Contains(err.Error(), "exit status 3")
	})
}

func TestAppliance_StoppedInTheMiddleOfARunEndsWellInTime(t *testing.T) {
	project := randomProject()
	app := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"}, Volumes: []string{enginetest.Volume(t) + ":/files"},
		Labels: jobLabels(project, "app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "pause"}),
	})
	app.Exec(t, "sh", "-c", "head -c 900000000 /dev/urandom > /files/big")
	a := startAppliance(t, project, "SIMPLEDEPLOY_SHUTDOWN_GRACE=100ms")
	a.until("a run has begun", func() bool {
		_, err := a.cli("run", "--detach", project+"/app")
		return err == nil
	})
	a.until("the container is paused", func() bool {
		return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", app.ID) == "paused"
	})
	enginetest.Docker(t, "stop", "-t", "30", a.c.ID)
	if got := enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", app.ID); got != "running" {
		t.Errorf("after the appliance was stopped the container is %s", got)
	}
	if code := enginetest.Docker(t, "inspect", "-f", "{{.State.ExitCode}}", a.c.ID); code != "0" {
		t.Errorf("the appliance ended with %s\n%s", code, a.c.Logs(t))
	}
	a.wholeBackups(0)
	enginetest.Docker(t, "start", a.c.ID)
	a.until("the run is interrupted by the shutdown", func() bool {
		rows, err := a.history("--state", "interrupted")
		return err == nil && len(rows) == 1
	})
}
