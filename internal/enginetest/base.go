package enginetest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// BaseImage is a small Debian: the official one, or one made by debootstrap.
func BaseImage(t testing.TB) string {
	t.Helper()
	Require(t)
	image, err := EnsureBase(t.Context(), "bookworm")
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsureBase is BaseImage for any Debian suite, outside tests.
func EnsureBase(ctx context.Context, suite string) (string, error) {
	image := "debian:" + suite + "-slim"
	if exists(ctx, image) {
		return image, nil
	}
	return image, locked(ctx, image, func() error {
		if _, err := docker(ctx, nil, "pull", "--quiet", image); err == nil {
			return nil
		}
		return bootstrap(ctx, suite, image)
	})
}

func bootstrap(ctx context.Context, suite, image string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("make image %s: no registry answers, and debootstrap needs root: load the image with `docker load`, or run as root", image)
	}
	if err := installDebootstrap(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "debootstrap-")
	if err != nil {
		return fmt.Errorf("make image folder: %w", err)
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	args := []string{"--variant=minbase", suite, root}
	if from := mirror(); from != "" {
		args = append(args, from)
	}
	if _, err := command(ctx, nil, nil, "debootstrap", args...); err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	script := `rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* && tar -C "$1" -c . | docker import - "$2"`
	if _, err := command(ctx, nil, nil, "bash", "-o", "pipefail", "-c", script, "import", root, image); err != nil {
		return fmt.Errorf("import image %s: %w", image, err)
	}
	return nil
}

func installDebootstrap(ctx context.Context) error {
	if _, err := command(ctx, nil, nil, "debootstrap", "--version"); err == nil {
		return nil
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if _, err := command(ctx, nil, env, "apt-get", "update", "--quiet"); err != nil {
		return fmt.Errorf("install debootstrap (a registry would do as well): %w", err)
	}
	if _, err := command(ctx, nil, env, "apt-get", "install", "--yes", "--quiet", "debootstrap"); err != nil {
		return fmt.Errorf("install debootstrap (a registry would do as well): %w", err)
	}
	return nil
}

// mirror is where this machine itself gets Debian's packages from; empty: debootstrap's own default.
func mirror() string {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, name := range append([]string{"/etc/apt/sources.list"}, files...) {
		if found := mirrorIn(name); found != "" {
			return found
		}
	}
	return ""
}

func mirrorIn(name string) string {
	file, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || (fields[0] != "deb" && fields[0] != "URIs:") {
			continue
		}
		for _, field := range fields[1:] {
			if url := strings.TrimSuffix(field, "/"); strings.Contains(url, "://") && strings.HasSuffix(url, "/debian") {
				return url
			}
		}
	}
	return ""
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
