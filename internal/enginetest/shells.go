package enginetest

import (
	"fmt"
	"testing"
)

// Shells are the ones that an image's sh may be.
func Shells() []string { return []string{"dash", "bash", "busybox"} }

// ShellImage is a small Debian whose sh is the named shell.
func ShellImage(t testing.TB, shell string) string {
	t.Helper()
	base := BaseImage(t)
	if shell == "dash" {
		return base // its own
	}
	script := "ln -sf /bin/bash /bin/sh"
	if shell == "busybox" {
		script = "apt-get update -q && apt-get install -yq --no-install-recommends busybox && ln -sf /bin/busybox /bin/sh && rm -rf /var/lib/apt/lists/*"
	}
	file := fmt.Sprintf("ARG BASE\nFROM ${BASE}\nRUN %s\n", script)
	image, err := built(t.Context(), "simpledeploy-test-shell:"+shell, base, map[string]string{"Dockerfile": file})
	if err != nil {
		t.Fatal(err)
	}
	return image
}
