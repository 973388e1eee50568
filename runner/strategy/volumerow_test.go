package strategy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/filetree/treetest"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func volumeRows() []row {
	return []row{{"volume", func(t testing.TB) strategytest.Source {
		dir := t.TempDir()
		treetest.Fill(t, dir)
		s := startVolume(t, dir)
		s.Fresh = func(t testing.TB) strategytest.Source { return startVolume(t, t.TempDir()) }
		return s
	}}}
}

// startVolume is a container that has a folder of this machine and needs nothing else.
func startVolume(t testing.TB, dir string) strategytest.Source {
	t.Helper()
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"}, Volumes: []string{dir + ":/files"},
	})
	state := func(t testing.TB) string {
		t.Helper()
		var out strings.Builder
		tree := treetest.Snapshot(t, dir)
		for _, name := range slices.Sorted(maps.Keys(tree)) {
			fmt.Fprintf(&out, "%q %s\n", name, tree[name])
		}
		return out.String()
	}
	return strategytest.Source{
		Entry: strategytest.Entry(t, "volume"), Container: port.WithHelper(t, c), Options: strategy.Options{Paths: []string{"/files"}},
		State: state,
		Damage: func(t testing.TB) {
			t.Helper()
			treetest.Put(t, dir+"/later/file", "came later")
			treetest.Put(t, dir+"/plain.txt", "lost")
			for _, name := range []string{"fifo", "sparse-big", "deep"} {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		},
		Hand: func(t testing.TB, recipe string, raw []byte) {
			t.Helper()
			entries, err := filepath.Glob(dir + "/*")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range entries { // as the recipe says
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
			}
			byHand(c, "TAR_IMAGE="+enginetest.BaseImage(t))(t, recipe, raw)
		},
	}
}
