package enginetest

import (
	"context"
	"fmt"
)

// Prepare makes every image that the tests need and returns their names, the official ones last: an image of our
// own is given the official name where that one cannot be had.
func Prepare(ctx context.Context) ([]string, error) {
	base, err := EnsureBase(ctx, "bookworm")
	if err != nil {
		return nil, err
	}
	images := []string{base}
	for _, version := range PostgresVersions() {
		image, err := EnsurePostgres(ctx, version)
		if err != nil {
			return images, err
		}
		images = append(images, image)
		name := "postgres:" + version
		if image == name {
			continue
		}
		if _, err := docker(ctx, nil, "tag", image, name); err != nil {
			return images, fmt.Errorf("name image %s: %w", name, err)
		}
		images = append(images, name)
	}
	return images, nil
}
