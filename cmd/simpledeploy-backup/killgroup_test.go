package main_test

import (
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
)

func TestAppliance_KilledInTheMiddleOfAGroupRunBringsAllMembersBack(t *testing.T) {
	project := randomProject()
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s", "group": "g"}
	start := func(service string) *enginetest.Container {
		c := enginetest.Run(t, enginetest.RunOptions{
			Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
			Volumes: []string{enginetest.Volume(t) + ":/files"}, Labels: jobLabels(project, service, keys),
		})
		c.Exec(t, "sh", "-c", "head -c 300000000 /dev/urandom > /files/big")
		return c
	}
	app, web := start("app"), start("web")
	a := startAppliance(t, project)
	a.until("the group run has begun", func() bool {
		_, err := a.cli("run", "--detach", project, "--group", "g")
		return err == nil
	})
	states := func() string {
		return enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", app.ID) + " " + enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", web.ID)
	}
	a.until("both are stopped", func() bool { return states() == "exited exited" })
	enginetest.Docker(t, "kill", "-s", "KILL", a.c.ID)
	if got := states(); got != "exited exited" {
		t.Fatalf("killed too late, they are %s", got)
	}
	enginetest.Docker(t, "start", a.c.ID)
	a.until("both run again", func() bool { return states() == "running running" })
	a.until("both runs are interrupted", func() bool {
		rows, err := a.history("--state", "interrupted")
		return err == nil && len(rows) == 2 && len(rows[0].Artifacts)+len(rows[1].Artifacts) == 0
	})
	if left := a.wholeBackups(0); len(left) > 0 {
		t.Errorf("listed as a backup: %v", left)
	}
	if out, err := a.cli("run", project); err != nil {
		t.Errorf("a group run afterwards: %v\n%s", err, out)
	}
}
