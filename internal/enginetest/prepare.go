package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many images are made side by side: a build mostly waits for packages.
const atOnce = 3

// wanted is one image that tests need.
type wanted struct {
	engine string // the word that Prepare takes
	name   string // the official image's; empty: it has none
	ensure func(context.Context) (string, error)
}

// wantedImages are all that tests need, the slowest to make first.
func wantedImages() []wanted {
	var all []wanted
	add := func(engine, prefix string, versions []string, ensure func(context.Context, string) (string, error)) {
		for _, version := range versions {
			all = append(all, wanted{engine, prefix + version, func(ctx context.Context) (string, error) { return ensure(ctx, version) }})
		}
	}
	add("mysql", "", MySQLVersions(), EnsureMySQL)
	add("postgres", "postgres:", PostgresVersions(), EnsurePostgres)
	add("redis", "", RedisVersions(), EnsureRedis)
	for _, engine := range Recipes() {
		all = append(all, wanted{"recipes", "", func(ctx context.Context) (string, error) { return EnsureRecipe(ctx, engine) }})
	}
	all = append(all, wanted{"sqlite", "", EnsureSQLite})
	return append(all, wanted{"base", "", func(ctx context.Context) (string, error) { return EnsureBase(ctx, "bookworm") }})
}

// Prepare makes the images of the named engines, or all that tests need, and returns their names. An image of our own
// is also given the official name where that one cannot be had. One that cannot be made does not keep the others.
func Prepare(ctx context.Context, engines ...string) ([]string, error) {
	todo, known := wantedImages(), map[string]bool{}
	for _, w := range todo {
		known[w.engine] = true
	}
	for _, name := range engines {
		if !known[name] {
			return nil, fmt.Errorf("prepare images: there is no engine %q", name)
		}
	}
	if len(engines) > 0 {
		todo = slices.DeleteFunc(todo, func(w wanted) bool { return !slices.Contains(engines, w.engine) })
	}
	made, errs := make([][]string, len(todo)), make([]error, len(todo))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, w := range todo {
		group.Go(func() error {
			made[i], errs[i] = w.make(ctx)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	images := slices.Concat(made...)
	slices.SortFunc(images, strings.Compare)
	return images, errors.Join(errs...)
}

func (w wanted) make(ctx context.Context) ([]string, error) {
	image, err := w.ensure(ctx)
	if err != nil {
		return nil, err
	}
	if w.name == "" || image == w.name {
		return []string{image}, nil
	}
	if _, err := docker(ctx, nil, "tag", image, w.name); err != nil {
		return []string{image}, fmt.Errorf("name image %s: %w", w.name, err)
	}
	return []string{image, w.name}, nil
}
