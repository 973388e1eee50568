package store

import (
	"errors"
	"strings"
	"testing"
)

func TestNetworkFileSystem_KnowsWhereTheLogDoesNotWork(t *testing.T) {
	for _, c := range []struct {
		magic uint32
		fuse  string
		want  string
	}{
		{0x6969, "", "nfs"}, {0xfe534d42, "", "smb"}, {0xff534d42, "", "smb"}, {0x517b, "", "smb"}, {0x01021997, "", "9p"},
		{0x00c36400, "", "ceph"}, {0x65735546, "sshfs", "sshfs"}, {0x65735546, "rclone", "rclone"},
		{0xef53, "", ""}, {0x58465342, "", ""}, {0x9123683e, "", ""}, {0x01021994, "", ""}, {0x794c7630, "", ""},
		// Local disks behind FUSE: unions, a NAS's pool, Docker Desktop's share.
		{0x65735546, "mergerfs", ""}, {0x65735546, "shfs", ""}, {0x65735546, "virtiofs", ""}, {0x65735546, "", ""},
	} {
		if got := networkFileSystem(c.magic, c.fuse); got != c.want {
			t.Errorf("%#x %q: %q, want %q", c.magic, c.fuse, got, c.want)
		}
	}
	err := networkError("/data/simpledeploy.db", "nfs")
	if !errors.Is(err, ErrNetworkFileSystem) || !strings.Contains(err.Error(), "nfs") || !strings.Contains(err.Error(), "local disk") {
		t.Errorf("error %q", err)
	}
	if err := refuseNetworkFileSystem(t.TempDir() + "/record.db"); err != nil {
		t.Errorf("a local disk is refused: %v", err)
	}
}
