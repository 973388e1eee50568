// Package port reaches a test's container the way the program does. It stands apart from enginetest so that the tests
// of the docker package can use that one.
package port

import (
	"sync"
	"testing"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// New is the strategy port of a container.
func New(t testing.TB, c *enginetest.Container) strategy.Container {
	t.Helper()
	return connect(t, c, docker.Options{})
}

// WithHelper is New for strategies that work by a helper container.
func WithHelper(t testing.TB, c *enginetest.Container) strategy.Container {
	t.Helper()
	helper.once.Do(func() { helper.image = enginetest.HelperImage(t) })
	return connect(t, c, docker.Options{HelperImage: helper.image})
}

// helper is built once for a whole test binary.
var helper struct {
	once  sync.Once
	image string
}

func connect(t testing.TB, c *enginetest.Container, opt docker.Options) strategy.Container {
	t.Helper()
	opt.DataDir, opt.StoreID = t.TempDir(), "enginetest"
	engine, err := docker.Connect(t.Context(), opt)
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
