package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/store"
)

// A target that gives up in mid-stream must not hide that the service cannot be brought back: the next target would
// get the files of a stopped service, and the run would be called a success while it is down.
func TestHold_AServiceThatIsNotBackFailsTheRunWhateverElseFailed(t *testing.T) {
	a := newAppliance(t)
	a.smallTarget()
	host := t.TempDir()
	a.must(os.Mkdir(filepath.Join(host, "needed"), 0o755))
	// On its way down it takes away what the engine needs to start it again.
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Volumes: []string{enginetest.Volume(t) + ":/files", host + ":/host"},
		Labels: a.labels("app", map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "target": "small,local", "paths": "/files"}),
		Args:   []string{"--mount", "type=bind,src=" + filepath.Join(host, "needed") + ",dst=/needed"},
		Cmd:    []string{"sh", "-c", "trap 'mv /host/needed /host/gone; exit 0' TERM; while :; do sleep 0.1; done"},
	})
	c.Exec(t, "sh", "-c", "head -c 8000000 /dev/urandom > /files/big")
	a.start()
	run := a.run("app")
	if run.State != store.Failed || run.Cause != "hold" || !strings.Contains(run.Error, "bring") || !strings.Contains(run.Error, "small") {
		t.Errorf("run is %s (%s): %s; want failed, hold, naming both what failed", run.State, run.Cause, run.Error)
	}
	if got := a.files(a.backups()); len(got) != 0 {
		t.Errorf("local holds %v of a service that was down", got)
	}
	a.must(os.Rename(filepath.Join(host, "gone"), filepath.Join(host, "needed")))
	a.until("the service is back", func() bool { return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", c.ID) == "running" })
}
