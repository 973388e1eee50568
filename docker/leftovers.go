package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// RemoveLeftovers removes the helpers of this store that an earlier process could not, and the folders of their
// sockets. Helpers of other stores may be at work and are never touched. To be called before any helper is started.
func (e *Engine) RemoveLeftovers(ctx context.Context) error {
	if e.opt.StoreID == "" {
		return errors.New("remove leftover helpers: no store id: nobody's helpers are ours")
	}
	old, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", RoleLabel+"="+RoleHelper), filters.Arg("label", e.helperLabel()+"="+e.opt.StoreID))})
	if err != nil {
		return e.explain("list leftover helpers", err)
	}
	var errs []error
	for _, s := range old {
		errs = append(errs, e.remove(ctx, s.ID))
	}
	folders, _ := filepath.Glob(filepath.Join(e.opt.DataDir, "run", socketFolderPrefix+"*"))
	for _, f := range folders {
		errs = append(errs, os.RemoveAll(f))
	}
	return errors.Join(errs...)
}

func (e *Engine) helperLabel() string { return e.opt.Prefix + ".helper" }

// remove ends and removes one of our helpers, with the anonymous volumes that its image may have brought. Volumes
// with a name, the target's anonymous ones included, are none of them. It tries for a while.
func (e *Engine) remove(ctx context.Context, id string) error {
	var err error
	for wait := 100 * time.Millisecond; wait < 4*time.Second; wait *= 3 {
		err = e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || cerrdefs.IsNotFound(err) || strings.Contains(err.Error(), "already in progress") {
			return nil
		}
		sleep(ctx, wait)
	}
	return e.explain("remove helper "+short(id), err)
}
