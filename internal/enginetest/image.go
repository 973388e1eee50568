package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// builtLabel tells an image of our own from the official one of the same name.
const builtLabel = Label + ".built"

// exists says whether the engine has the image.
func exists(ctx context.Context, image string) bool {
	_, err := docker(ctx, nil, "image", "inspect", "--format", "{{.Id}}", image)
	return err == nil
}

// official says whether the engine has, or a registry gives, an image that is not of our own making.
func official(ctx context.Context, image string) bool {
	built, err := docker(ctx, nil, "image", "inspect", "--format", `{{index .Config.Labels "`+builtLabel+`"}}`, image)
	if err == nil && (built == "" || built == "<no value>") {
		return true
	}
	if err == nil {
		return false // an earlier session found no registry and gave our image this name
	}
	_, err = docker(ctx, nil, "pull", "--quiet", image)
	return err == nil
}

// built returns the image of our own recipe, building it when the engine does not have it. The tag holds a hash of
// the recipe, so a changed recipe is a new image and an old one is never taken for it.
func built(ctx context.Context, name, base string, files map[string]string) (string, error) {
	sum := sha256.New()
	for _, file := range sortedKeys(files) {
		fmt.Fprintf(sum, "%s\x00%s\x00", file, files[file])
	}
	sum.Write([]byte(base))
	image := name + "-" + hex.EncodeToString(sum.Sum(nil))[:12]
	if exists(ctx, image) {
		return image, nil
	}
	return image, locked(ctx, image, func() error { return build(ctx, image, base, files) })
}

func build(ctx context.Context, image, base string, files map[string]string) error {
	dir, err := os.MkdirTemp("", "enginetest-")
	if err != nil {
		return fmt.Errorf("make build folder: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			return fmt.Errorf("write build file: %w", err)
		}
	}
	args := []string{"build", "--tag", image, "--label", builtLabel + "=true", "--build-arg", "BASE=" + base, dir}
	if _, err := command(ctx, nil, []string{"DOCKER_BUILDKIT=0"}, "docker", args...); err != nil {
		return fmt.Errorf("build image %s: %w", image, err)
	}
	return nil
}

// locked makes an image once, however many test binaries ask for it at the same time.
func locked(ctx context.Context, image string, work func() error) error {
	name := strings.NewReplacer("/", "_", ":", "_").Replace(image)
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "enginetest-"+name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open image lock: %w", err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock image %s: %w", image, err)
	}
	if exists(ctx, image) {
		return nil
	}
	return work()
}
