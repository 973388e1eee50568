package main

import "testing"

func TestOnMount_TellsAMountFromTheContainersOwnFiles(t *testing.T) {
	const mounts = "601 600 0:52 / / rw,relatime - overlay overlay rw\n" +
		"611 601 8:1 /home/me /out rw,relatime - ext4 /dev/sda1 rw\n" +
		"612 601 8:1 /srv /with\\040blank rw,relatime - ext4 /dev/sda1 rw\n"
	for path, want := range map[string]bool{
		"/out": true, "/out/db": true, "/with blank/db": true, "/output": false, "/restore": false, "/": false,
	} {
		if got := onMount(mounts, path); got != want {
			t.Errorf("onMount(%q) = %t", path, got)
		}
	}
}
