package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
)

// RoleLabel marks the containers of this program: the appliance by its image's label, helpers by their own.
const (
	RoleLabel     = "com.simpledeploy.backup.role"
	RoleAppliance = "appliance"
	RoleHelper    = "helper"
)

// Options say who we are.
type Options struct {
	DataDir     string // where the sockets to helpers are made, below run/
	HelperImage string // empty: the image of our own container
	StoreID     string // marks our helpers, so that nobody else's are removed
	Prefix      string // of labels; "simpledeploy" when empty

	// OnConnection is told by Watch when the engine has gone and when it has come back, once each time. One that is
	// there from the start is no news. nil: nobody asks.
	OnConnection func(connected bool, err error)
	// AttachOnly lets helpers speak over the engine's own connection instead of a Unix socket.
	AttachOnly bool
}

// Engine is one container engine. It is safe for concurrent use.
type Engine struct {
	cli       *client.Client
	opt       Options
	connected time.Time
	noSocket  atomic.Bool // helpers cannot reach our socket; found out once

	mu   sync.Mutex
	self *self
}

// Connect makes the engine that DOCKER_HOST and its relatives name, else the local one. It fails for settings that
// can never work; an engine that is merely away now is not an error here: Ping tells, Watch waits for it.
func Connect(ctx context.Context, opt Options) (*Engine, error) {
	if opt.Prefix == "" {
		opt.Prefix = "simpledeploy"
	}
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fmt.Errorf("connect to the container engine: check DOCKER_HOST and its relatives: %w", err)
	}
	if host := cli.DaemonHost(); strings.HasPrefix(host, "ssh://") {
		return nil, errors.Join(fmt.Errorf("connect to the container engine: DOCKER_HOST=%s: ssh is not supported; use a unix or tcp address, or forward the engine's socket", host), cli.Close())
	}
	e := &Engine{cli: cli, opt: opt, connected: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = e.identify(ctx) // tried again when it is needed
	return e, nil
}

// Close frees the connections.
func (e *Engine) Close() error { return e.cli.Close() }

// Ping returns nil when the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	if _, err := e.cli.Ping(ctx); err != nil {
		return e.explain("ping", err)
	}
	return nil
}

// Name is the engine's own name, usually the host's.
func (e *Engine) Name(ctx context.Context) (string, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return "", e.explain("read the engine's name", err)
	}
	if info.Name == "" {
		return "", errors.New("read the engine's name: it has none; set SIMPLEDEPLOY_INSTANCE")
	}
	return info.Name, nil
}
