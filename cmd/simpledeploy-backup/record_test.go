package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
)

// Socket proxies rarely let the engine's own name through. Any other name that could be found would change with the
// container, so somebody must choose one.
func TestOpenRecord_AsksForANameThatTheEngineMayNotTell(t *testing.T) {
	proxy := enginetest.NewProxy(t, "(GET|HEAD) /_ping", "GET /containers/.*json")
	t.Setenv("DOCKER_HOST", proxy.Host())
	cfg, err := loadConfig(vars("DATA_DIR", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	record, err := openRecord(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "set SIMPLEDEPLOY_INSTANCE") || !strings.Contains(err.Error(), "socket proxy") {
		t.Fatalf("openRecord = %v, %v, want an error with the remedy and the cause", record, err)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "simpledeploy.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record without a name was made: %v", err)
	}
	for _, instance := range []string{"host1", ""} { // the second start knows it from the record
		cfg.Instance = instance
		record, err := openRecord(t.Context(), cfg)
		if err != nil {
			t.Fatalf("with the name %q: %v", instance, err)
		}
		if got := record.Instance(); got != "host1" {
			t.Errorf("the host is called %q", got)
		}
		if err := record.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
