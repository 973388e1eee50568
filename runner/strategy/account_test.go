package strategy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// account is one way in which a container and its labels say who dumps.
type account struct {
	env  []string // beside the container's own
	opt  strategy.Options
	want string // part of the error; empty: works
	warn string // part of a warning; empty: none
}

// findsAccounts asks one server as if its container had been started with each case's variables.
func findsAccounts(t *testing.T, s strategytest.Source, cases map[string]account) {
	t.Helper()
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			var dump bytes.Buffer
			c := strategytest.WithEnv{Container: s.Container, Env: tt.env}
			report, err := s.Entry.Strategy.Dump(t.Context(), c, tt.opt, &dump)
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if _, proof := strategytest.Prove(s.Entry, dump.Bytes()); (proof == nil) != (tt.want == "") {
				t.Errorf("proof: %v", proof)
			}
			if said := strings.Join(report.Warnings, "; "); !strings.Contains(said, tt.warn) || (said != "") != (tt.warn != "") {
				t.Errorf("warnings %q, want %q", said, tt.warn)
			}
		})
	}
}

// secretFiles is a folder with files that a container's account may read.
func secretFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
