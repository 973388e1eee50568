// Package port reaches a test's container the way the program does. It stands apart from enginetest so that the tests
// of the docker package can use that one.
package port

import (
	"testing"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// New is the strategy port of a container.
func New(t testing.TB, c *enginetest.Container) strategy.Container {
	t.Helper()
	engine, err := docker.Connect(t.Context(), docker.Options{DataDir: t.TempDir(), StoreID: "enginetest"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
	info, err := engine.Inspect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Container(info)
}
