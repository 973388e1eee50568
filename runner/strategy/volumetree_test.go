package strategy_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/filetree/treetest"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/strategy/strategytest"
)

func volumeEntry(t testing.TB) strategy.Entry {
	t.Helper()
	return strategytest.Entry(t, "volume")
}

// files is a container with a real volume on /data, which this machine sees as a folder.
type files struct {
	*enginetest.Container
	port strategy.Container
	dir  string
}

// volumeWith fills a volume before a container uses it.
func volumeWith(t testing.TB, fill func(dir string)) files {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to look into volumes from outside")
	}
	name := enginetest.Volume(t)
	dir := enginetest.Docker(t, "volume", "inspect", "-f", "{{.Mountpoint}}", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the engine's volumes are not on this machine: %v", err)
	}
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.BaseImage(t), Volumes: []string{name + ":/data"}, Cmd: []string{"sleep", "infinity"}, Args: []string{"--init"},
	})
	fill(dir)
	return files{c, port.WithHelper(t, c), dir}
}

func (f files) dump(t testing.TB, more ...io.Writer) ([]byte, strategy.Report) {
	t.Helper()
	var dump bytes.Buffer
	report, err := volumeEntry(t).Strategy.Dump(t.Context(), f.port, strategy.Options{Token: "d1"}, io.MultiWriter(append(more, &dump)...))
	if err != nil {
		t.Fatal(err)
	}
	return dump.Bytes(), report
}

func (f files) restore(t testing.TB, dump []byte) strategy.Report {
	t.Helper()
	report, err := volumeEntry(t).Strategy.Restore(t.Context(), f.port, strategy.Options{Token: "r1", Size: int64(len(dump))}, bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func proveVolume(t testing.TB, dump []byte) strategy.Proof {
	t.Helper()
	p := volumeEntry(t).Prover()
	_, _ = p.Write(dump)
	proof, err := p.Proof()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func TestVolume_HardLinksHolesAndAttributesComeBackAsTheyWere(t *testing.T) {
	f := volumeWith(t, func(dir string) { treetest.Fill(t, dir) })
	want := treetest.Snapshot(t, f.dir)
	// A socket is a server's affair: it is left out, and is no reason to fail.
	listener, err := net.Listen("unix", filepath.Join(f.dir, "closed", "server.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	treetest.SetTime(t, filepath.Join(f.dir, "closed"), 1_800_000_000, 7)
	want["closed"] = treetest.Snapshot(t, f.dir)["closed"]
	dump, report := f.dump(t)
	if len(report.Warnings) > 0 {
		t.Errorf("warnings: %q", report.Warnings)
	}
	proof := proveVolume(t, dump)
	t.Run("every truncation is broken", func(t *testing.T) { strategytest.Truncations(t, volumeEntry(t).Prover, dump) })

	treetest.Put(t, f.dir+"/extra/deep/file", "gone afterwards")
	treetest.Put(t, f.dir+"/plain.txt", "changed")
	for _, name := range []string{"sparse-big", "deep/hard", "fifo", "with\nnewline", "loop-a", "device"} {
		if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	restored := f.restore(t, dump)
	if diff := cmp.Diff(want, treetest.Snapshot(t, f.dir)); diff != "" {
		t.Errorf("restored tree differs (-was +is):\n%s", diff)
	}
	if restored.Restored == nil || restored.Restored.Digest != proof.Digest || restored.Restored.Entries != proof.Entries || restored.Restored.Bytes != proof.Bytes {
		t.Errorf("restored %+v, proven %+v", restored.Restored, proof)
	}
	t.Run("into a fresh volume", func(t *testing.T) {
		fresh := volumeWith(t, func(dir string) { treetest.Put(t, dir+"/there/before", "gone afterwards") })
		fresh.restore(t, dump)
		if diff := cmp.Diff(want, treetest.Snapshot(t, fresh.dir)); diff != "" {
			t.Errorf("restored tree differs (-was +is):\n%s", diff)
		}
	})
}

// afterFirst calls a function once the stream has begun: whoever sends it waits meanwhile, in the middle of a file.
type afterFirst struct {
	left int
	do   func()
}

func (a *afterFirst) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 && a.do != nil {
		a.do()
		a.do = nil
	}
	return len(p), nil
}

func TestVolume_FileThatGrowsShrinksOrVanishesMeanwhileIsNoFailure(t *testing.T) {
	const size = 48 << 20 // more than the pipes between us hold
	for name, tt := range map[string]struct{ command, want string }{
		"grows":    {"echo more >> /data/big", "grew while being read"},
		"shrinks":  {"truncate -s 40M /data/big", "shrank while being read"},
		"written":  {"echo changed | dd of=/data/big bs=1 seek=50000000 conv=notrunc 2>&1", "changed while being read"},
		"vanishes": {"rm /data/big", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := volumeWith(t, func(dir string) {
				treetest.Put(t, dir+"/big", treetest.Noise(size))
				treetest.Put(t, dir+"/small", "whole")
			})
			dump, report := f.dump(t, &afterFirst{left: 1 << 20, do: func() { f.Exec(t, "sh", "-c", tt.command) }})
			named := len(report.Warnings) == 1 && strings.Contains(report.Warnings[0], tt.want) && strings.Contains(report.Warnings[0], "/data/big")
			if tt.want == "" && len(report.Warnings) > 0 || tt.want != "" && !named {
				t.Errorf("warnings: %q", report.Warnings)
			}
			proof := proveVolume(t, dump)
			restored := f.restore(t, dump)
			if restored.Restored == nil || restored.Restored.Digest != proof.Digest {
				t.Errorf("restored %+v, proven %+v", restored.Restored, proof)
			}
			info, err := os.Stat(f.dir + "/big")
			if err != nil || info.Size() != size {
				t.Errorf("the file that changed came back as %v, %v", info, err)
			}
			if got, err := os.ReadFile(f.dir + "/small"); err != nil || string(got) != "whole" {
				t.Errorf("the file beside it: %q, %v", got, err)
			}
		})
	}
}

func TestVolume_WriterThatNeverStopsFailsNoDump(t *testing.T) {
	f := volumeWith(t, func(string) {})
	f.Exec(t, "sh", "-c", `mkdir /data/busy; cd /data/busy; for n in 1 2; do (i=0; while :; do i=$((i+1)); f=f$((i%200))
		case $((i%4)) in 0) head -c $((i%90000)) /dev/zero > $f;; 1) echo more >> $f;; 2) rm -f $f;; 3) mv $f $f.moved 2>/dev/null;; esac; done) >/dev/null 2>&1 & done
		n=0; until [ $(ls | wc -l) -gt 20 ]; do n=$((n+1)); [ $n -lt 600 ] || exit 1; sleep 0.1; done`)
	for range 3 {
		dump, _ := f.dump(t)
		proof := proveVolume(t, dump)
		if proof.Detail["files"] < 10 {
			t.Errorf("the writer wrote nothing: %v", proof.Detail)
		}
		fresh := volumeWith(t, func(string) {})
		if restored := fresh.restore(t, dump); restored.Restored == nil || restored.Restored.Digest != proof.Digest {
			t.Errorf("restored %+v, proven %+v", restored.Restored, proof)
		}
	}
}
