package targettest

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/runner/target"
)

// define makes an rclone remote the way users do, by variables.
func define(t *testing.T, name string, options map[string]string) {
	t.Helper()
	for key, value := range options {
		t.Setenv("RCLONE_CONFIG_"+strings.ToUpper(name+"_"+key), value)
	}
}

// skipShort leaves the tests that speak to a server to the whole run.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("speaks to a server: run with `make test`")
	}
}

// Open loads one target.
func Open(t *testing.T, path string) *target.Target {
	t.Helper()
	set, err := target.Load(t.Context(), target.Config{Paths: map[string]string{"tested": path}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("tested")
	return s
}
