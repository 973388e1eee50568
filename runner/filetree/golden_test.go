package filetree

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/simpledeploy/backup/runner/filetree/treetest"
)

var update = flag.Bool("update", false, "write golden files anew")

// The prover of the appliance counts the same stream on its own: both are held to this archive.
const golden = "../strategy/testdata/volume.tar"

func TestDigest_AgreesWithTheProversOfTheSameArchive(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	data, err := os.ReadFile(golden)
	must(t, err)
	want, err := os.ReadFile(golden + ".digest")
	must(t, err)
	got, err := ExtractTo(t.Context(), t.TempDir(), bytes.NewReader(data))
	must(t, err)
	if got.Digest != strings.TrimSpace(string(want)) {
		t.Errorf("digest %s, golden %s", got.Digest, want)
	}
}

func writeGolden(t *testing.T) {
	needRoot(t)
	src := t.TempDir()
	special(t, src)
	must(t, os.Remove(src+"/sparse-big"))
	must(t, os.Remove(src+"/sparse-empty"))
	must(t, os.Remove(src+"/deep/hard-large"))
	must(t, os.Truncate(src+"/large.bin", 70<<10))
	treetest.Sparse(t, src+"/sparse-edge", 100<<10, map[int64]string{0: "a", 96 << 10: "b"})
	must(t, unix.Chmod(src+"/large.bin", 0o640))
	data, _ := archiveOf(t, ArchiveOptions{}, Root{Path: "/var/lib/app", Mount: src})
	must(t, os.WriteFile(golden, data, 0o644))
	s, err := ExtractTo(t.Context(), t.TempDir(), bytes.NewReader(data))
	must(t, err)
	must(t, os.WriteFile(golden+".digest", []byte(s.Digest+"\n"), 0o644))
}
