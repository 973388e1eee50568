package store

import "testing"

func TestFuseTypeIn_FindsTheMountOfTheDevice(t *testing.T) {
	table := []byte("22 1 0:5 / /dev rw shared:2 - devtmpfs udev rw\n" +
		"36 35 0:31 / /data/my\\040files rw,nosuid - fuse.sshfs user@host:/x - y rw\n" +
		"40 35 0:44 / /mnt rw shared:9 master:3 - virtiofs share rw\nbroken line\n")
	for device, want := range map[string]string{"0:31": "sshfs", "0:44": "virtiofs", "0:99": ""} {
		if got := fuseTypeIn(table, device); got != want {
			t.Errorf("%s: %q, want %q", device, got, want)
		}
	}
}
