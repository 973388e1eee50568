package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// warnInside tells someone who restores into a folder of a container's own file system that it goes with the container.
func (p *program) warnInside(dir string) {
	if _, err := os.Stat("/.dockerenv"); err != nil {
		return // not in a container
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	full, absErr := filepath.Abs(dir)
	if err != nil || absErr != nil || onMount(string(mounts), full) {
		return
	}
	name, err := os.Hostname()
	if err != nil {
		name = "CONTAINER"
	}
	fmt.Fprintf(p.err, "warning: %s is inside this container and goes with it; copy it out with \"docker cp %s:%s .\", or mount a folder there\n",
		full, name, full)
}

// onMount says whether a path lies on a mount other than the root; mounts is what /proc/self/mountinfo holds.
func onMount(mounts, path string) bool {
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		// Blanks in names are written as octal numbers there.
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		if point != "/" && (path == point || strings.HasPrefix(path, point+"/")) {
			return true
		}
	}
	return false
}
