package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// HelperImage is an image with nothing but the helper program.
func HelperImage(t testing.TB) string {
	t.Helper()
	return ProgramImage(t, "github.com/simpledeploy/backup/internal/enginetest/helperbin")
}

// ProgramImage is an image with nothing but the static program of a package, made like the appliance's: the program
// is the entrypoint, and a volume and a health probe are declared. A program that did not change is not imported
// again.
func ProgramImage(t testing.TB, pkg string) string {
	t.Helper()
	Require(t)
	program := filepath.Join(t.TempDir(), "program")
	env := []string{"CGO_ENABLED=0"}
	if _, err := command(t.Context(), nil, env, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", program, pkg); err != nil {
		t.Fatalf("build %s: %v", pkg, err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatalf("read program: %v", err)
	}
	sum := sha256.Sum256(content)
	image := "simpledeploy-test-program:" + hex.EncodeToString(sum[:])[:12]
	if !exists(t.Context(), image) {
		err = locked(t.Context(), image, func() error { return importProgram(t.Context(), image, content) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func importProgram(ctx context.Context, image string, content []byte) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "simpledeploy-backup", Mode: 0o755, Size: int64(len(content))}
	if err := w.WriteHeader(header); err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	_, err := docker(ctx, &archive, "import",
		"--change", `ENTRYPOINT ["/simpledeploy-backup"]`,
		"--change", `VOLUME /data`,
		"--change", `HEALTHCHECK --interval=1s CMD ["/simpledeploy-backup", "healthcheck"]`,
		"--change", `LABEL `+builtLabel+`=true`,
		"-", image)
	if err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	return nil
}
