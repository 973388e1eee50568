package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/simpledeploy/backup/runner/frame"
	"github.com/simpledeploy/backup/runner/strategy"
)

// Help runs one operation in a helper container beside this one and returns nil only when its trailer has arrived
// and says that all went well. The helper is our own image; it sees only the mounts that hold the paths, read-only
// unless cmd.Writable, no network, and nothing of the engine. It is removed in any case. When ctx ends it is killed.
//
// Data flows over a Unix socket where the helper can reach one, else over the engine's attach stream.
func (c *Container) Help(ctx context.Context, cmd strategy.HelperCommand) error {
	return c.named("helper: "+cmd.Op, c.e.help(ctx, c.info.ID, cmd))
}

// call is one operation on its way.
type call struct {
	e       *Engine
	cmd     strategy.HelperCommand
	req     frame.Request
	began   time.Time
	contact bool // the helper has said hello
}

func (e *Engine) help(ctx context.Context, id string, cmd strategy.HelperCommand) error {
	k := &call{e: e, cmd: cmd, began: time.Now()}
	target, err := e.cli.ContainerInspect(ctx, id)
	if err != nil {
		return e.explain("inspect container "+short(id), err)
	}
	_ = e.identify(ctx) // without it the attach stream does
	mounts, roots, err := planMounts(target, cmd.Paths, accessOf(cmd), e.sockets())
	if err != nil {
		return err
	}
	image, err := e.helperImage()
	if err != nil {
		return err
	}
	args, err := json.Marshal(cmd.Args)
	if err != nil {
		return fmt.Errorf("encode arguments: %w", err)
	}
	k.req = frame.Request{Op: cmd.Op, Args: args, Roots: roots, Ready: k.ready}
	if cmd.Database {
		k.req.Work = workFolder
	}
	spec := helperSpec(image, mounts, accessOf(cmd), map[string]string{RoleLabel: RoleHelper, e.helperLabel(): e.opt.StoreID})
	return k.perform(ctx, spec)
}

// perform tries the socket first. A helper that could not reach it has done nothing yet, so the attach stream can
// take over; if that works, later helpers go there at once.
func (k *call) perform(ctx context.Context, spec spec) error {
	folder, ok := k.e.socketFolder()
	if !ok {
		return k.overAttach(ctx, spec)
	}
	err := k.overSocket(ctx, spec, folder)
	if err == nil || k.contact || ctx.Err() != nil {
		return err
	}
	attachErr := k.overAttach(ctx, spec)
	if !k.contact {
		return errors.Join(err, attachErr)
	}
	k.e.noSocket.Store(true)
	return attachErr
}

func (k *call) ready() {
	k.contact = true
	if k.cmd.Started != nil {
		k.cmd.Started(time.Since(k.began))
	}
}

// helperImage is the image that was asked for, else that of our own container.
func (e *Engine) helperImage() (string, error) {
	if e.opt.HelperImage != "" {
		return e.opt.HelperImage, nil
	}
	own, ok := e.Self()
	if !ok {
		return "", errors.New("find the helper's image: we do not run in a container of this engine; set SIMPLEDEPLOY_HELPER_IMAGE to the appliance's image")
	}
	return own.ImageID, nil
}

// ended describes a helper that is gone before it had finished.
func (h *helper) ended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	select {
	case <-h.exited:
	case <-ctx.Done():
		return errors.New("it still runs, but its connection is closed")
	}
	r, err := h.e.cli.ContainerInspect(ctx, h.id)
	if err != nil {
		return fmt.Errorf("and the engine cannot say why: %w", err)
	}
	return fmt.Errorf("%s%s", endOf(r.State), h.lastWords())
}

func endOf(s *container.State) string {
	switch {
	case s.OOMKilled:
		return "it was killed for lack of memory"
	case s.ExitCode == 137:
		return "it was killed (exit code 137)"
	case s.Error != "":
		return fmt.Sprintf("it ended with exit code %d (%s)", s.ExitCode, s.Error)
	default:
		return fmt.Sprintf("it ended with exit code %d", s.ExitCode)
	}
}

func (h *helper) lastWords() string {
	if text := h.stderr.String(); text != "" {
		return ": " + text
	}
	return ""
}
