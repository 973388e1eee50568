package enginetest

import (
	"context"
	"testing"
	"time"
)

// Label marks all that this package makes on an engine.
const Label = "simpledeploy.test"

// Require skips a test under -short and fails it when no engine answers: a missing engine never looks like a pass.
func Require(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Docker Engine; not run with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := docker(ctx, nil, "version", "--format", "{{.Server.Version}}"); err != nil {
		t.Fatalf("no Docker Engine answers (start one, or run the tests with -short): %v", err)
	}
}
