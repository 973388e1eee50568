package composefile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/simpledeploy/backup/labels"
)

func TestLoad_ContainersAreWhatComposeWouldMake(t *testing.T) {
	dir, err := filepath.Abs("testdata/shop")
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	logrus.SetOutput(&logged)
	defer logrus.SetOutput(os.Stderr)

	got, problems, err := Load(t.Context(), []string{filepath.Join(dir, "compose.yaml")}, []string{"PG_VERSION=16", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if logged.Len() > 0 {
		t.Errorf("the library's remarks reached the log: %s", logged.String())
	}
	label := func(service string, own map[string]string) map[string]string {
		out := map[string]string{
			"com.docker.compose.project": "shop", "com.docker.compose.service": service, "com.docker.compose.container-number": "1",
			"com.docker.compose.oneoff": "False", "com.docker.compose.project.working_dir": dir,
			"com.docker.compose.project.config_files": filepath.Join(dir, "compose.yaml"),
		}
		for k, v := range own {
			out["simpledeploy.backup."+k] = v
		}
		return out
	}
	app := []labels.Mount{
		{Type: "bind", Source: filepath.Join(dir, "uploads"), Destination: "/uploads", ReadWrite: true},
		{Type: "volume", Destination: "/cache", ReadWrite: true},
		{Type: "tmpfs", Destination: "/run", ReadWrite: true},
	}
	var borrowed []labels.Mount
	for _, m := range app {
		m.ReadWrite = false
		borrowed = append(borrowed, m)
	}
	want := []labels.Container{
		{Name: "shop", Image: "shop-app", Labels: label("app", map[string]string{"quiesce": "stop", "schedule": "@hourly", "retries": "3"}), Mounts: app},
		{
			Name: "shop-db-1", Image: "postgres:16",
			Labels: label("db", map[string]string{"retention": "14d", "enable": "true", "schedule": "0 2 * * *", "user": "$USER"}),
			Mounts: []labels.Mount{
				{Type: "volume", Name: "shop-db", Destination: "/var/lib/postgresql/data", ReadWrite: true},
				{Type: "bind", Source: filepath.Join(dir, "conf"), Destination: "/etc/postgresql"},
			},
		},
		{Name: "shop-web-1", Image: "nginx", Labels: label("web", nil)},
		{Name: "shop-worker-1", Image: "busybox", Labels: label("worker", map[string]string{"strategy": "volume"}), Mounts: borrowed},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantProblems := []labels.Problem{{
		Identity: labels.Identity{Project: "shop", Service: "web"}, Label: "simpledeploy.backup.schedule",
		Why: "a label under deploy never reaches a container", Suggestion: "move it to the service's own labels",
	}}
	if diff := cmp.Diff(wantProblems, problems); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_ContainersDecode(t *testing.T) {
	containers, _, err := Load(t.Context(), []string{"testdata/shop/compose.yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := labels.NewDecoder(labels.Config{Targets: []string{"local"}, Strategies: []labels.Strategy{
		{Name: "postgres", Images: []string{"postgres"}, Available: true}, {Name: "volume", Available: true, Files: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, svc := range d.Decode(containers) {
		for _, p := range svc.Problems {
			t.Errorf("problem: %+v", p)
		}
		for _, j := range svc.Jobs {
			jobs = append(jobs, j.ID()+" "+j.Strategy)
		}
	}
	if diff := cmp.Diff([]string{"shop/app/default volume", "shop/db/default postgres", "shop/worker/default volume"}, jobs); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_LaterFilesOverrideEarlierOnes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "compose.yaml", "name: one\nservices: {db: {image: postgres, labels: {simpledeploy.backup.schedule: '@daily'}}}")
	write(t, dir, "override.yaml", "services: {db: {labels: {simpledeploy.backup.schedule: '@hourly'}}}")
	got, _, err := Load(t.Context(), []string{filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "override.yaml")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Labels["simpledeploy.backup.schedule"] != "@hourly" || got[0].Labels["com.docker.compose.project"] != "one" {
		t.Errorf("got %+v", got)
	}
}

func TestLoad_Errors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "broken.yaml", "services: [")
	write(t, dir, "odd.yaml", "services: {db: {imagine: postgres}}")
	write(t, dir, "unset.yaml", "services: {db: {image: 'postgres:${PG:?say which}'}}")
	write(t, dir, "nolabels.yaml", "services: {db: {image: postgres, label_file: gone.labels}}")
	for file, want := range map[string]string{
		"gone.yaml": "gone.yaml", "broken.yaml": "broken.yaml", "odd.yaml": "imagine", "unset.yaml": "say which", "nolabels.yaml": "gone.labels",
	} {
		_, _, err := Load(t.Context(), []string{filepath.Join(dir, file)}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", file, err, want)
		}
	}
	t.Chdir(dir)
	if _, _, err := Load(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "there is no compose file here") {
		t.Errorf("got %v", err)
	}
}

func TestOurs_KnowsTheFormWhateverThePrefix(t *testing.T) {
	for label, want := range map[string]bool{
		"simpledeploy.backup.schedule": true, "acme.backup.nightly.schedule": true, "simpledeploy.backup.nonsense": true,
		"traefik.http.routers.backup.rule": false, "backup.schedule": false, "restic.backup.hello": false,
	} {
		if ours(label) != want {
			t.Errorf("%s: %t", label, !want)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
