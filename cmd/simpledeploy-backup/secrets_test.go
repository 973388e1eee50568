package main_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
)

// guarded is one service whose password is known in every way that there is: by the image's own variable or file, by
// the label password-env, by the label password-file. A fourth job names a wrong one.
type guarded struct {
	name, strategy string
	start          func(t *testing.T, secret string, opt enginetest.RunOptions) *enginetest.Container
	fill           []string // a command that knows the password by $OTHER
	atWork         string   // part of a command line of a dump
}

func guardedServices() []guarded {
	const rows = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i, REPEAT(SHA2(i, 256), 2) AS t FROM n"
	mysql := func(client string) []string {
		return []string{"sh", "-c", `export MYSQL_PWD="$OTHER"; printf '%s\n' "$1" | "$0" -uroot`, client,
			"CREATE DATABASE shop; USE shop; /*!80003 SET SESSION cte_max_recursion_depth = 100000 */; /*M! SET SESSION max_recursive_iterations = 100000 */; CREATE TABLE t AS " + rows}
	}
	redis := []string{"sh", "-c", `REDISCLI_AUTH="$OTHER" VALKEYCLI_AUTH="$OTHER" "$0" EVAL "math.randomseed(1) for i=1,20 do local p={} for j=1,20000 do p[j]=math.random(1000000) end redis.call('SET','w'..i,table.concat(p)) end" 0`}
	startMySQL := func(version, way string) func(*testing.T, string, enginetest.RunOptions) *enginetest.Container {
		return func(t *testing.T, secret string, opt enginetest.RunOptions) *enginetest.Container {
			opt.Env = append(opt.Env, strings.ReplaceAll(way, "SECRET", secret))
			return enginetest.StartMySQL(t, version, opt)
		}
	}
	return []guarded{
		{
			"postgres", "postgres",
			func(t *testing.T, _ string, opt enginetest.RunOptions) *enginetest.Container {
				opt.Env = append(opt.Env, "POSTGRES_PASSWORD_FILE=/run/secrets/pass", "POSTGRES_INITDB_ARGS=--no-sync --auth-local=scram-sha-256 --auth-host=scram-sha-256")
				return enginetest.StartPostgres(t, "17", opt)
			},
			[]string{"sh", "-c", `PGPASSWORD="$OTHER" psql -qU postgres -c "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 100000) i"`},
			"pg_dump",
		},
		{"mariadb", "mysql", startMySQL("mariadb:11.8", "MARIADB_ROOT_PASSWORD_FILE=/run/secrets/pass"), mysql("mariadb"), "mariadb-dump"},
		{"mysql", "mysql", startMySQL("mysql:9", "MYSQL_ROOT_PASSWORD=SECRET"), mysql("mysql"), "mysqldump"},
		{
			"redis", "redis",
			func(t *testing.T, secret string, opt enginetest.RunOptions) *enginetest.Container {
				opt.Env, opt.Cmd = append(opt.Env, "REDIS_PASSWORD="+secret), []string{"sh", "-c", `exec redis-server --requirepass "$REDIS_PASSWORD"`}
				return enginetest.StartRedis(t, "redis:7.0", opt)
			},
			append(redis, "redis-cli"), "BGSAVE",
		},
		{
			"valkey", "redis",
			func(t *testing.T, _ string, opt enginetest.RunOptions) *enginetest.Container {
				opt.Env, opt.Cmd = append(opt.Env, "VALKEY_PASSWORD_FILE=/run/secrets/pass"), []string{"sh", "-c", `exec valkey-server --requirepass "$(cat /run/secrets/pass)"`}
				return enginetest.StartRedis(t, "valkey/valkey:8.1", opt)
			},
			append(redis, "valkey-cli"), "BGSAVE",
		},
	}
}

// started runs the service with its four jobs.
func (g guarded) started(t *testing.T, project, secret string) *enginetest.Container {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pass"), []byte(secret+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := g.start(t, secret, enginetest.RunOptions{
		Volumes: []string{dir + ":/run/secrets"}, Env: []string{"OTHER=" + secret, "WRONG=wrong" + secret},
		Labels: jobLabels(project, g.name, map[string]string{
			"strategy": g.strategy, "schedule": "manual", "retries": "0", "image.enable": "true",
			"env.password-env": "OTHER", "file.password-file": "/run/secrets/pass", "wrong.password-env": "WRONG",
		}),
	})
	c.Exec(t, g.fill...)
	return c
}

func TestAppliance_ShowsNoSecret(t *testing.T) {
	image(t)
	project := randomProject()
	a := startAppliance(t, project, "SIMPLEDEPLOY_LOG_LEVEL=debug")
	for _, g := range guardedServices() {
		t.Run(g.name, func(t *testing.T) {
			secret := "s3cret" + rand.Text()[:10]
			since := time.Now()
			c := g.started(t, project, secret)
			watch := watchContainer(t, c)
			a := a.in(t)
			a.runJobs(g.name)
			shown := watch.end(t)
			if !strings.Contains(shown, g.atWork) || !strings.Contains(watch.execs, g.atWork) {
				t.Errorf("no dump was seen at work; processes:\n%.2000s\nexecs:\n%.2000s", shown, watch.execs)
			}
			events := enginetest.Docker(t, "events", "--since", since.UTC().Format(time.RFC3339), "--until", time.Now().UTC().Add(time.Second).Format(time.RFC3339), "--filter", "container="+c.ID, "--format", "{{json .}}")
			if !strings.Contains(events, g.atWork) {
				t.Error("the engine's events show no dump")
			}
			places := map[string]string{"a command line in the container": shown, "the engine's exec inspect": watch.execs, "the engine's events": events, "the log": a.c.Logs(t)}
			for path, answer := range a.answers() {
				places["GET "+path] = answer
			}
			a.files(places)
			for place, text := range places {
				if strings.Contains(text, secret) {
					t.Errorf("the secret is in %s", place)
				}
			}
		})
	}
}

// in is the same appliance for a part of the test.
func (a *appliance) in(t *testing.T) *appliance {
	part := *a
	part.t = t
	return &part
}

// runJobs backs up in each way, restores in each way, and lets one fail.
func (a *appliance) runJobs(service string) {
	a.t.Helper()
	service = a.project + "/" + service
	a.until(service+" is known", func() bool { _, err := a.cli("run", "--detach", service+"/image"); return err == nil })
	for _, job := range []string{"image", "env", "file"} {
		if out, err := a.cli("run", service+"/"+job); err != nil {
			a.t.Fatalf("run %s: %v\n%s", job, err, out)
		}
		if out, err := a.cli("restore", "--yes", "--no-safety", service+"/"+job); err != nil {
			a.t.Fatalf("restore %s: %v\n%s", job, err, out)
		}
	}
	if out, err := a.cli("run", service+"/wrong"); err == nil {
		a.t.Errorf("a wrong password counts as a backup:\n%s", out)
	}
}

// answers is all that the status tells.
func (a *appliance) answers() map[string]string {
	a.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(a.data, "run", "control.sock"))
	}}}
	rows, err := a.history("--limit", "100")
	if err != nil || len(rows) == 0 {
		a.t.Fatalf("history: %d runs, %v", len(rows), err)
	}
	paths := []string{"/", "/metrics", "/readyz", "/api/health", "/api/status", "/api/services", "/api/jobs?all=true", "/api/runs?limit=200", "/api/restores", "/api/targets", "/api/problems", "/api/events?limit=200", "/api/plan", "/api/db/status"}
	for _, row := range rows {
		paths = append(paths, "/api/runs/"+row.ID)
	}
	out := map[string]string{}
	for _, path := range paths {
		answer, err := client.Get("http://appliance" + path)
		if err != nil {
			a.t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			a.t.Fatalf("GET %s: %s, %v: %s", path, answer.Status, err, body)
		}
		out[path] = string(body)
	}
	if !strings.Contains(out["/api/runs?limit=200"], a.project) {
		a.t.Error("the status does not know the runs: this would prove nothing")
	}
	return out
}

// files adds everything that the appliance has written: the record, its log of changes, manifests, objects.
func (a *appliance) files(places map[string]string) {
	a.t.Helper()
	record := false
	err := filepath.WalkDir(a.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		record = record || d.Name() == "simpledeploy.db"
		content, err := os.ReadFile(path)
		places[strings.TrimPrefix(path, a.data)] = string(content)
		return err
	})
	if err != nil || !record {
		a.t.Fatalf("read the data folder (record found: %v): %v", record, err)
	}
}

// watcher notes every command line that any process of a container shows, and what the engine tells of its commands.
type watcher struct {
	c      *enginetest.Container
	execs  string
	lines  map[string]bool
	stop   chan struct{}
	ended  sync.WaitGroup
	failed error
}

func watchContainer(t *testing.T, c *enginetest.Container) *watcher {
	t.Helper()
	w := &watcher{c: c, lines: map[string]bool{}, stop: make(chan struct{})}
	const look = `until [ -e /tmp/enough ]; do for f in /proc/[0-9]*/cmdline; do tr '\000\n' '  ' <$f 2>/dev/null; echo; done; sleep 0.05; done`
	cmd := exec.CommandContext(t.Context(), "docker", "exec", "--user", "root", c.Name, "sh", "-c", look)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.ended.Go(func() {
		scan := bufio.NewScanner(out)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			w.lines[scan.Text()] = true
		}
		if err := cmd.Wait(); err != nil || scan.Err() != nil {
			w.failed = errors.Join(err, scan.Err())
		}
	})
	w.ended.Go(func() { w.inspect(t.Context()) })
	return w
}

func (w *watcher) inspect(ctx context.Context) {
	seen := map[string]bool{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		about, err := w.c.Execs(ctx)
		if err != nil {
			continue // the container may be busy
		}
		for _, text := range about {
			if !seen[text] {
				seen[text] = true
				w.execs += text + "\n"
			}
		}
	}
}

// end returns the command lines.
func (w *watcher) end(t *testing.T) string {
	t.Helper()
	w.c.Exec(t, "touch", "/tmp/enough")
	close(w.stop)
	w.ended.Wait()
	if w.failed != nil {
		t.Errorf("watch %s: %v", w.c.Name, w.failed)
	}
	var out strings.Builder
	for line := range w.lines {
		out.WriteString(line + "\n")
	}
	return out.String()
}
