package strategy_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

// row is one engine in one version, with the shop or its like in it.
type row struct {
	name  string
	start func(t testing.TB) strategytest.Source
}

// TestMatrix runs the contract on every engine in every version that can be had here: dump, proof, restore into the
// same service, after damage, into a fresh one, by hand, and under a writer, all of the state compared each time.
func TestMatrix(t *testing.T) {
	enginetest.Require(t)
	for _, r := range slices.Concat(postgresRows(), mysqlRows(), mongoRows(), redisRows(), sqliteRows(), volumeRows()) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			strategytest.Run(t, r.start(t))
		})
	}
}

// byHand runs a manifest's recipe as an operator would.
func byHand(c *enginetest.Container, env ...string) func(testing.TB, string, []byte) {
	return func(t testing.TB, recipe string, raw []byte) {
		t.Helper()
		enginetest.Shell(t, recipe, bytes.NewReader(raw), append(env, "CONTAINER="+c.Name)...)
	}
}

// background starts a command in the container that goes on by itself.
func background(t testing.TB, c *enginetest.Container, args ...string) {
	t.Helper()
	enginetest.Docker(t, slices.Concat([]string{"exec", "--detach", c.Name}, args)...)
}
