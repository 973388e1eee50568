package enginetest

import (
	"io"
	"testing"
)

// Shell runs a line of shell on the host, as an operator would type it, and fails the test when it does.
func Shell(t testing.TB, script string, stdin io.Reader, env ...string) string {
	t.Helper()
	out, err := command(t.Context(), stdin, env, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
