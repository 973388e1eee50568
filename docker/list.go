package docker

import (
	"context"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/strategy"
)

// List tells all containers, stopped ones too, helpers of any appliance aside; sorted by name.
func (e *Engine) List(ctx context.Context) ([]strategy.Info, error) {
	all, err := e.cli.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, e.explain("list containers", err)
	}
	infos := make([]strategy.Info, 0, len(all))
	for _, s := range all {
		if s.Labels[RoleLabel] != RoleHelper {
			infos = append(infos, fromSummary(s))
		}
	}
	slices.SortFunc(infos, func(a, b strategy.Info) int { return strings.Compare(a.Name+"/"+a.ID, b.Name+"/"+b.ID) })
	return infos, nil
}

// Inspect tells all of one container; strategy.ErrNoContainer when it is gone.
func (e *Engine) Inspect(ctx context.Context, id string) (strategy.Info, error) {
	r, err := e.cli.ContainerInspect(ctx, id)
	if err != nil {
		return strategy.Info{}, e.explain("inspect container "+short(id), err)
	}
	info := fromInspect(r)
	// The digest is a nicety for the record: an image that was removed or may not be looked at has none.
	if image, err := e.cli.ImageInspect(ctx, info.ImageID); err == nil {
		info.ImageDigest = digestFor(info.Image, image.RepoDigests)
	}
	return info, nil
}

// digestFor picks the digest of the repository that the image was named by.
func digestFor(image string, digests []string) string {
	repo, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndex(repo, ":"); i > strings.LastIndex(repo, "/") {
		repo = repo[:i]
	}
	for _, d := range digests {
		if name, digest, ok := strings.Cut(d, "@"); ok && name == repo {
			return digest
		}
	}
	if len(digests) > 0 {
		_, digest, _ := strings.Cut(digests[0], "@")
		return digest
	}
	return ""
}

func short(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

// ExecRunning says whether a command that was begun in a container is still under way. One that the engine does not
// know any more is over.
func (e *Engine) ExecRunning(ctx context.Context, id string) (bool, error) {
	state, err := e.cli.ContainerExecInspect(ctx, id)
	switch {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, e.explain("look for a command in a container", err)
	}
	return state.Running, nil
}
