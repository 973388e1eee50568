package composefile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/labels/composefile"
	"github.com/simpledeploy/backup/runner/strategy"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Every Compose file in the recipes is one that can be taken over: its labels decode without a Problem or a warning,
// and its commands are shell.
func TestRecipes_CanBeTakenOver(t *testing.T) {
	pages, err := filepath.Glob("../../docs/recipes/*.md")
	if err != nil || len(pages) < 7 {
		t.Fatalf("found %d recipes: %v", len(pages), err)
	}
	var known []labels.Strategy
	for _, e := range strategy.Builtin() {
		known = append(known, labels.Strategy{Name: e.Name, Aliases: e.Aliases, Images: e.Images, Available: e.Available, Files: e.Files})
	}
	decoder, err := labels.NewDecoder(labels.Config{Strategies: known, Targets: []string{"local"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../docs/strategies/exec.md") {
		if filepath.Base(page) == "README.md" {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			commands := 0
			for _, block := range yamlBlock.FindAllSubmatch(text, -1) {
				for _, job := range jobsOf(t, decoder, block[1]) {
					if job.Strategy != "exec" {
						continue
					}
					commands++
					for _, command := range []string{job.DumpCommand, job.RestoreCommand} {
						if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", command).CombinedOutput(); err != nil {
							t.Errorf("%s: %v: %s", command, err, out)
						}
					}
				}
			}
			if commands == 0 {
				t.Error("there is no job with commands on the page")
			}
		})
	}
}

func jobsOf(t *testing.T, decoder *labels.Decoder, compose []byte) []labels.Job {
	t.Helper()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, compose, 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"CLICKHOUSE_PASSWORD=x", "ELASTIC_PASSWORD=x", "NEO4J_PASSWORD=x"}
	containers, problems, err := composefile.Load(t.Context(), []string{file}, env)
	if err != nil || len(problems) > 0 {
		t.Fatalf("problems %+v, error %v", problems, err)
	}
	var jobs []labels.Job
	for _, service := range decoder.Decode(containers) {
		for _, p := range service.Problems {
			t.Errorf("problem: %+v", p)
		}
		for _, w := range service.Warnings {
			if w.Label != "simpledeploy.backup.strategy" { // Neo4j's files are copied while it stands still
				t.Errorf("warning: %+v", w)
			}
		}
		jobs = append(jobs, service.Jobs...)
	}
	return jobs
}
