package runner_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// commandStrategies are those that run something inside the container, each with the labels that it needs.
func commandStrategies() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, e := range strategy.Builtin() {
		if e.Files || !e.Available {
			continue
		}
		keys := map[string]string{"strategy": e.Name, "schedule": "manual", "retries": "0"}
		if e.Name == "exec" {
			keys["dump-command"], keys["restore-command"] = "cat /files/*", "cat >/files/restored"
		}
		out[e.Name] = keys
	}
	return out
}

func volumeKeys() map[string]string {
	return map[string]string{"strategy": "volume", "schedule": "manual", "retries": "0"}
}

func TestRun_WhereNoCommandCanRunTheOthersSayWhy(t *testing.T) {
	for state, c := range map[string]struct {
		commands [][]string
		want     string
	}{
		"stopped": {[][]string{{"stop", "-t", "0"}}, "start it"},
		"paused":  {[][]string{{"pause"}}, "unpause it"},
		"created": {nil, "start it"},
	} {
		t.Run(state, func(t *testing.T) {
			a := newAppliance(t)
			services := map[string]*enginetest.Container{"files": a.idle("files", volumeKeys())}
			for name, keys := range commandStrategies() {
				services[name] = a.idle(name, keys)
			}
			services["files"].Exec(t, "sh", "-c", "echo one >/files/one")
			for name, s := range services {
				if state == "created" {
					services[name] = createdAnew(t, s)
				}
				for _, command := range c.commands {
					enginetest.Docker(t, append(command, s.Name)...)
				}
			}
			a.start()
			for name := range commandStrategies() {
				run := a.run(name)
				a.failedWith(run, "container")
				if !strings.Contains(run.Error, c.want) || !strings.Contains(run.Error, services[name].Name) {
					t.Errorf("%s: the error says %q, want %q", name, run.Error, c.want)
				}
			}
			run := a.succeeded(a.run("files"))
			if !strings.Contains(string(run.Proof), `"files":1`) {
				t.Errorf("the proof lacks the file: %s", run.Proof)
			}
			for name, s := range services {
				want := map[string]string{"stopped": "exited", "paused": "paused", "created": "created"}[state]
				if got := enginetest.Docker(t, "inspect", "-f", "{{.State.Status}}", s.Name); got != want {
					t.Errorf("%s is %s now, and was %s", name, got, want)
				}
			}
		})
	}
}

// createdAnew is the same container, never started.
func createdAnew(t *testing.T, c *enginetest.Container) *enginetest.Container {
	t.Helper()
	labels := strings.Split(enginetest.Docker(t, "inspect", "-f", `{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{"\n"}}{{end}}`, c.Name), "\n")
	mount := enginetest.Docker(t, "inspect", "-f", `{{range .Mounts}}{{.Name}}:{{.Destination}}{{end}}`, c.Name)
	enginetest.Docker(t, "rm", "-f", c.Name)
	args := []string{"create", "--name", c.Name, "-v", mount}
	for _, l := range labels {
		if l != "" {
			args = append(args, "--label", l)
		}
	}
	return &enginetest.Container{Name: c.Name, ID: enginetest.Docker(t, append(args, enginetest.BaseImage(t), "sleep", "infinity")...)}
}

func TestRun_ImageWithoutAShellIsReadAsFilesAndTheOthersSayWhatIsMissing(t *testing.T) {
	a := newAppliance(t)
	image := enginetest.ProgramImage(t, "github.com/simpledeploy/backup/docker/testdata/shellless")
	start := func(service string, keys map[string]string) *enginetest.Container {
		return enginetest.Run(t, enginetest.RunOptions{
			Image: image, Cmd: []string{"wait"}, Labels: a.labels(service, keys), Volumes: []string{enginetest.Volume(t) + ":/files"},
		})
	}
	files := start("files", volumeKeys())
	enginetest.Shell(t, `printf one >"$DIR/one" && docker cp "$DIR/one" "$NAME:/files/one"`, nil, "DIR="+t.TempDir(), "NAME="+files.Name)
	for name, keys := range commandStrategies() {
		start(name, keys)
	}
	a.start()
	for name := range commandStrategies() {
		run := a.run(name)
		a.failedWith(run, run.Cause)
		if run.Cause != "dump" && run.Cause != "strategy" || !strings.Contains(run.Error, "no shell") || !strings.Contains(run.Error, "volume") {
			t.Errorf("%s failed for %s and says %q", name, run.Cause, run.Error)
		}
	}
	a.succeeded(a.run("files"))
	if row := a.restore(runner.RestoreRequest{Service: "files"}); row.State != store.Succeeded {
		t.Errorf("restore is %s: %s", row.State, row.Error)
	}
	if got := enginetest.Shell(t, `docker cp "$NAME:/files/one" - | tar -xO`, nil, "NAME="+files.Name); got != "one" {
		t.Errorf("restored %q", got)
	}
}

func TestRun_ReadOnlyRootAndAnotherUser(t *testing.T) {
	readOnly := []string{"--read-only", "--tmpfs", "/tmp"}
	for name, c := range map[string]struct {
		start  func(a *appliance, labels map[string]string) *enginetest.Container
		change []string
		read   []string
		keys   map[string]string
	}{
		"postgres": {
			func(a *appliance, labels map[string]string) *enginetest.Container {
				c := enginetest.StartPostgres(a.t, "17", enginetest.RunOptions{Labels: labels, Args: append(readOnly, "--tmpfs", "/var/run/postgresql:mode=1777", "--user", "postgres")})
				c.Exec(a.t, "psql", "-U", "postgres", "-qc", "create table t as select 1 as one")
				return c
			}, []string{"psql", "-U", "postgres", "-qc", "update t set one = 2"}, []string{"psql", "-U", "postgres", "-Atc", "table t"},
			map[string]string{"strategy": "postgres"},
		},
		"redis": {
			func(a *appliance, labels map[string]string) *enginetest.Container {
				c := enginetest.StartRedis(a.t, "redis:8.0", enginetest.RunOptions{Labels: labels, Args: append(readOnly, "--user", "999")})
				c.Exec(a.t, "redis-cli", "SET", "one", "1")
				return c
			}, []string{"redis-cli", "SET", "one", "2"}, []string{"redis-cli", "GET", "one"},
			map[string]string{"strategy": "redis"},
		},
		"mysql": {
			func(a *appliance, labels map[string]string) *enginetest.Container {
				c := enginetest.StartMySQL(a.t, "mariadb:10.11", enginetest.RunOptions{Labels: labels, Args: append(readOnly, "--tmpfs", "/run/mysqld:mode=1777", "--user", "mysql")})
				c.Exec(a.t, "mariadb", "-uroot", "-psecret", "-e", "create database d; create table d.t as select 1 as one")
				return c
			}, []string{"mariadb", "-uroot", "-psecret", "-e", "update d.t set one = 2"}, []string{"mariadb", "-uroot", "-psecret", "-Ne", "select one from d.t"},
			map[string]string{"strategy": "mysql"},
		},
		"volume": {
			func(a *appliance, labels map[string]string) *enginetest.Container {
				c := enginetest.Run(a.t, enginetest.RunOptions{
					Image: enginetest.BaseImage(a.t), Labels: labels, Volumes: []string{enginetest.Volume(a.t) + ":/files"}, Cmd: []string{"sleep", "infinity"},
					Args: append(readOnly, "--init", "--user", "65534"),
				})
				enginetest.Docker(a.t, "exec", "-u", "0", c.Name, "sh", "-c", "chmod 1777 /files; echo 1 >/files/one; chown 65534 /files/one")
				return c
			}, []string{"sh", "-c", "echo 2 >/files/one"}, []string{"cat", "/files/one"},
			map[string]string{"strategy": "volume"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			keys := map[string]string{"schedule": "manual", "retries": "0"}
			maps.Copy(keys, c.keys)
			container := c.start(a, a.labels("app", keys))
			a.start()
			a.succeeded(a.run("app"))
			container.Exec(t, c.change...)
			if row := a.restore(runner.RestoreRequest{Service: "app"}); row.State != store.Succeeded {
				t.Fatalf("restore is %s: %s", row.State, row.Error)
			}
			if got := container.Exec(t, c.read...); got != "1" {
				t.Errorf("restored %q", got)
			}
		})
	}
}

func TestRun_LowestReplicaIsBackedUp(t *testing.T) {
	a := newAppliance(t)
	replicas := map[string]*enginetest.Container{}
	for _, number := range []string{"3", "1", "2"} {
		labels := a.labels("app", commandStrategies()["exec"])
		labels["com.docker.compose.container-number"] = number
		replicas[number] = enginetest.Run(t, enginetest.RunOptions{
			Image: enginetest.BaseImage(t), Labels: labels, Cmd: []string{"sh", "-c", "mkdir /files; echo number " + number + " >/files/me; exec sleep infinity"}, Args: []string{"--init"},
		})
	}
	a.start()
	for _, number := range []string{"1", "2", "3"} {
		run := a.succeeded(a.run("app"))
		if run.Container != replicas[number].Name {
			t.Errorf("backed up %s, want replica %s", run.Container, number)
		}
		enginetest.Docker(t, "rm", "-f", replicas[number].Name)
	}
}

// The container is replaced while its dump runs: nothing of the broken dump stays, and the next try finds the new one.
func TestRun_ContainerThatIsReplacedDuringTheRun(t *testing.T) {
	a := newAppliance(t)
	keys := commandStrategies()["exec"]
	keys["dump-command"], keys["retries"] = "cat /files/me; while [ -e /files/wait ]; do sleep 0.1; done", "2"
	start := func(script string) *enginetest.Container {
		return enginetest.Run(t, enginetest.RunOptions{
			Image: enginetest.BaseImage(t), Labels: a.labels("app", keys), Cmd: []string{"sh", "-c", "mkdir /files; " + script + "; exec sleep infinity"}, Args: []string{"--init"},
		})
	}
	old := start("touch /files/wait; echo old >/files/me")
	a.start()
	a.declared("app")
	ids, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project, Service: "app"})
	a.must(err)
	a.until("the dump streams", func() bool {
		p, ok := a.runner.Progress(ids[0])
		return ok && p.RawBytes > 0
	})
	enginetest.Docker(t, "rm", "-f", old.Name)
	replacement := start("echo new >/files/me")
	run := a.succeeded(a.ended(ids[0]))
	if run.Container != replacement.Name || run.Attempt < 2 || run.RawBytes != 4 {
		t.Errorf("backed up %s in attempt %d with %d bytes, want %s", run.Container, run.Attempt, run.RawBytes, replacement.Name)
	}
	if got := a.files(a.backups()); len(got) != 2 {
		t.Errorf("the target holds %v, want one backup", got)
	}
}

func TestRun_RenamedContainerIsTheSameService(t *testing.T) {
	a := newAppliance(t)
	c := a.idle("app", volumeKeys())
	c.Exec(t, "sh", "-c", "echo one >/files/one")
	a.start()
	first := a.succeeded(a.run("app"))
	name := c.Name + "-renamed"
	enginetest.Docker(t, "rename", c.Name, name)
	defer enginetest.Docker(t, "rename", name, c.Name) // who started it removes it by its name
	c.Name = name
	second := a.succeeded(a.run("app"))
	if second.Container != name || second.JobID() != first.JobID() {
		t.Errorf("run %+v, want the container %s of %s", second, name, first.JobID())
	}
	c.Exec(t, "rm", "/files/one")
	if row := a.restore(runner.RestoreRequest{Service: "app", RunID: first.ID}); row.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("restored %q", got)
	}
}

func TestRun_ContainerWithoutCompose(t *testing.T) {
	a := newAppliance(t)
	labels := map[string]string{}
	for key, value := range volumeKeys() {
		labels[a.prefix+".backup."+key] = value
	}
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Labels: labels, Volumes: []string{enginetest.Volume(t) + ":/files"}, Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
	})
	c.Exec(t, "sh", "-c", "echo one >/files/one")
	a.project = "_"
	a.start(func(cfg *runner.Config) { cfg.Projects = nil })
	run := a.succeeded(a.run(c.Name))
	if run.JobID() != "_/"+c.Name+"/default" || !strings.Contains(run.Artifacts[0].Key, "/_/"+c.Name+"/default/") {
		t.Errorf("run of %s at %s", run.JobID(), run.Artifacts[0].Key)
	}
	c.Exec(t, "rm", "/files/one")
	if row := a.restore(runner.RestoreRequest{Service: c.Name}); row.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", row.State, row.Error)
	}
	if got := c.Exec(t, "cat", "/files/one"); got != "one" {
		t.Errorf("restored %q", got)
	}
}
