package docker

import (
	"fmt"

	"github.com/simpledeploy/backup/runner/strategy"
)

// Container is one container of the engine, as strategies reach it.
type Container struct {
	e    *Engine
	info strategy.Info
}

// Container makes the port to a container. It is looked up again by its id whenever something is done with it.
func (e *Engine) Container(info strategy.Info) strategy.Container {
	return &Container{e: e, info: info}
}

// Info is what the engine told when the port was made.
func (c *Container) Info() strategy.Info { return c.info }

func (c *Container) named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s in container %s: %w", what, c.info.Name, err)
}
