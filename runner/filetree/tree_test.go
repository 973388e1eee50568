package filetree

import (
	"os"
	"testing"

	"github.com/simpledeploy/backup/runner/filetree/treetest"
)

// needRoot skips what only root may do: owners, devices, mounts.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	treetest.Put(t, path, content)
}

func setTime(t *testing.T, path string, sec, nsec int64) {
	t.Helper()
	treetest.SetTime(t, path, sec, nsec)
}

// special fills dir with everything that a file system can hold.
func special(t *testing.T, dir string) {
	t.Helper()
	treetest.Fill(t, dir)
}

func noise(n int) string { return treetest.Noise(n) }

// snapshot describes everything below dir that a restore must bring back, one line for each name.
func snapshot(t *testing.T, dir string, ignore ...string) map[string]string {
	t.Helper()
	return treetest.Snapshot(t, dir, ignore...)
}
