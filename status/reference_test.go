package status_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
)

var update = flag.Bool("update", false, "write goldens and generated documents anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale (-file +code); write it anew with: go test ./status -update\n%s", path, diff)
	}
}

func TestReference_IsUpToDate(t *testing.T) {
	golden(t, "../docs/reference/api.md", status.APIReference())
	golden(t, "../docs/reference/metrics.md", status.MetricsReference())
}
