package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
)

func TestAppliance_KilledWhileAStackIsHeldBringsItBackInOrderAndRunsPost(t *testing.T) {
	project := randomProject()
	start := func(service, depends string, keys map[string]string, args ...string) *enginetest.Container {
		labels := jobLabels(project, service, keys)
		if depends != "" {
			labels["com.docker.compose.depends_on"] = depends
		}
		return enginetest.Run(t, enginetest.RunOptions{
			Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: append([]string{"--init"}, args...),
			Volumes: []string{enginetest.Volume(t) + ":/files"}, Labels: labels,
		})
	}
	db := start("db", "", map[string]string{
		"strategy": "volume", "schedule": "manual", "quiesce": "stop", "stop-timeout": "1s",
		"pre": "echo pre >> /tmp/hooks", "post": "echo post $SIMPLEDEPLOY_STATE >> /tmp/hooks",
	}, "--health-cmd", "true", "--health-interval", "1s")
	api := start("api", "db:service_healthy:false", nil)
	web := start("web", "", nil, "--network", "container:"+api.ID)
	db.Exec(t, "sh", "-c", "head -c 700000000 /dev/urandom > /files/big")
	a := startAppliance(t, project)
	a.until("a run has begun", func() bool {
		_, err := a.cli("run", "--detach", project+"/db")
		return err == nil
	})
	look := func(c *enginetest.Container, what string) string {
		return enginetest.Docker(t, "inspect", "-f", what, c.ID)
	}
	states := func() string {
		return look(web, "{{.State.Status}}") + " " + look(api, "{{.State.Status}}") + " " + look(db, "{{.State.Status}}")
	}
	a.until("all are stopped", func() bool { return states() == "exited exited exited" })
	enginetest.Docker(t, "kill", "-s", "KILL", a.c.ID)
	if got := states(); got != "exited exited exited" {
		t.Fatalf("killed too late, the containers are %s", got)
	}
	enginetest.Docker(t, "start", a.c.ID)
	a.until("all run again", func() bool { return states() == "running running running" })
	a.until("post has run", func() bool { return strings.Contains(db.Exec(t, "cat", "/tmp/hooks"), "post") })
	if got := db.Exec(t, "cat", "/tmp/hooks"); got != "pre\npost failed" {
		t.Errorf("the hooks left %q", got)
	}
	at := func(c *enginetest.Container) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, look(c, "{{.State.StartedAt}}"))
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	if !at(db).Before(at(api)) || !at(api).Before(at(web)) {
		t.Errorf("started again: db %s, api %s, web %s", at(db), at(api), at(web))
	}
	if got, want := web.Exec(t, "readlink", "/proc/self/ns/net"), api.Exec(t, "readlink", "/proc/self/ns/net"); got != want {
		t.Errorf("web came back into a network that is gone")
	}
	a.until("the run is interrupted", func() bool {
		rows, err := a.history("--state", "interrupted")
		return err == nil && len(rows) == 1 && len(rows[0].Artifacts) == 0
	})
	if left := a.wholeBackups(0); len(left) > 0 {
		t.Errorf("listed as a backup: %v", left)
	}
	out, err := a.cli("run", project+"/db")
	if err != nil {
		t.Errorf("a run afterwards: %v\n%s", err, out)
	}
}
