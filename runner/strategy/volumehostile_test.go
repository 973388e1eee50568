package strategy_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/filetree/treetest"
	"github.com/simpledeploy/backup/runner/strategy"
)

// tarOf writes members with the standard library, which knows nothing of what this program would write.
func tarOf(t *testing.T, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range append([]tar.Header{{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o755}}, members...) {
		content := "hostile"
		if h.Typeflag != tar.TypeReg {
			content = ""
		}
		if h.Size = int64(len(content)); h.Format == tar.FormatUnknown {
			h.Format = tar.FormatPAX
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withSize changes what the last header in an archive of one file says of the file's size, checksum included.
func withSize(archive []byte, field string) []byte {
	b := bytes.Clone(archive)
	at := bytes.LastIndex(b, []byte("ustar\x00")) - 257
	copy(b[at+124:at+136], field)
	copy(b[at+148:at+156], "        ")
	sum := 0
	for _, c := range b[at : at+512] {
		sum += int(c)
	}
	copy(b[at+148:at+156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// hostileArchives are what somebody who may write to the storage could put in a backup's place.
func hostileArchives(t *testing.T) map[string][]byte {
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o777} }
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}
	}
	hard := func(name, to string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to} }
	disk := tar.Header{Name: "data/disk", Typeflag: tar.TypeBlock, Mode: 0o666, Devmajor: 253}
	plain := tarOf(t, file("data/x"))
	return map[string][]byte{
		"a member above the folder":       tarOf(t, file("data/../../escaped")),
		"a member that climbs at once":    tarOf(t, file("../escaped")),
		"an absolute name":                tarOf(t, file("/data/x")),
		"an absolute name elsewhere":      tarOf(t, file("/etc/escaped")),
		"another folder of the container": tarOf(t, file("etc/passwd")),
		"a file through a symlink":        tarOf(t, link("data/l", "../outside"), file("data/l/escaped")),
		"a file through an absolute one":  tarOf(t, link("data/l", "/"), file("data/l/escaped")),
		"a file through two of them":      tarOf(t, link("data/a", ".."), link("data/b", "a/.."), file("data/b/escaped")),
		"a file onto a symlink":           tarOf(t, link("data/l", "/proc/self/mem"), file("data/l")),
		"a folder in a symlink's place":   tarOf(t, link("data/l", "/"), tar.Header{Name: "data/l/", Typeflag: tar.TypeDir}, file("data/l/escaped")),
		"a hard link to outside":          tarOf(t, hard("data/h", "etc/shadow")),
		"an absolute hard link":           tarOf(t, hard("data/h", "/etc/shadow")),
		"a hard link that climbs":         tarOf(t, hard("data/h", "data/../etc/shadow")),
		"a hard link through a symlink":   tarOf(t, link("data/l", "/etc"), hard("data/h", "data/l/shadow")),
		"a hard link to the helper":       tarOf(t, hard("data/h", "simpledeploy-backup")),
		"a file onto a device":            tarOf(t, disk, file("data/disk")),
		"a file below a device":           tarOf(t, disk, file("data/disk/x")),
		"a file onto a fifo":              tarOf(t, tar.Header{Name: "data/f", Typeflag: tar.TypeFifo}, file("data/f")),
		"the staging folder's own name":   tarOf(t, file("data/.simpledeploy-restore-r1-00000000/journal"), file("data/../.simpledeploy/x")),
		"a name of another format":        tarOf(t, tar.Header{Name: "data/" + strings.Repeat("n", 300), Typeflag: tar.TypeReg, Format: tar.FormatGNU}),
		"a size of almost everything":     withSize(plain, "77777777777\x00"),
		"a size in another notation":      withSize(plain, "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"),
		"a negative size":                 withSize(plain, "-0000000001\x00"),
		"records of 8 GiB":                recordsOf(t, "77777777777\x00", nil),
		"records of 100 MiB":              recordsOf(t, "00640000000\x00", bytes.Repeat([]byte("30 comment=xxxxxxxxxxxxxxxxxx\n"), 100<<20/30+1)),
		"a path of 900 KiB":               tarOf(t, file("data/"+strings.Repeat("p/", 450<<10)+"x")),
		"a name that no file can have":    tarOf(t, file("data/"+strings.Repeat("n", 5000))),
	}
}

// recordsOf is an archive that begins with PAX records which say to be so large.
func recordsOf(t *testing.T, size string, body []byte) []byte {
	t.Helper()
	header := tarOf(t)[:512]
	header[156] = 'x'
	return append(withSize(header, size), body...)
}

func TestVolume_HostileArchiveTouchesNothingOutsideAndNothingInside(t *testing.T) {
	f := volumeWith(t, func(dir string) {
		treetest.Put(t, dir+"/mine", "mine")
		treetest.Put(t, dir+"/deep/mine", "mine")
	})
	neighbour := volumeWith(t, func(dir string) { treetest.Put(t, dir+"/theirs", "theirs") })
	before, theirs := treetest.Snapshot(t, f.dir), treetest.Snapshot(t, neighbour.dir)
	for name, archive := range hostileArchives(t) {
		t.Run(name, func(t *testing.T) {
			_, err := volumeEntry(t).Strategy.Restore(t.Context(), f.port, strategy.Options{Token: "r1"}, bytes.NewReader(archive))
			if err == nil || len(err.Error()) > 4<<10 {
				t.Errorf("error: %.200v", err)
			}
			if diff := cmp.Diff(before, treetest.Snapshot(t, f.dir)); diff != "" {
				t.Errorf("the volume changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(theirs, treetest.Snapshot(t, neighbour.dir)); diff != "" {
				t.Errorf("another volume changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestVolume_ForgedSizeIsRefusedBeforeSpaceIsTaken(t *testing.T) {
	f := volumeWith(t, func(dir string) { treetest.Put(t, dir+"/mine", "mine") })
	dump, _ := f.dump(t)
	_, err := volumeEntry(t).Strategy.Restore(t.Context(), f.port, strategy.Options{Token: "r1", Size: math.MaxInt64 / 4}, bytes.NewReader(dump))
	if err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("error: %v", err)
	}
}
