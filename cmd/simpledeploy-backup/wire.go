package main

import (
	"context"
	"errors"
	"sync"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

// serve is the appliance: it opens everything in the order in which it is needed, and closes it in the other.
func serve(ctx context.Context, cfg config, log zerolog.Logger) (err error) {
	decoder, err := newDecoder(cfg)
	if err != nil {
		return err
	}
	targets, err := loadTargets(ctx, cfg, log)
	if err != nil {
		return err
	}
	record, err := openRecord(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	engine, err := docker.Connect(ctx, docker.Options{
		DataDir: cfg.DataDir, HelperImage: cfg.HelperImage, StoreID: record.ID(), Prefix: cfg.LabelPrefix,
		OnConnection: logConnection(log),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	scope, err := projects(cfg.Projects, engine)
	if err != nil {
		return err
	}
	r, err := runner.New(runnerConfig(cfg, record, engine, decoder, targets, scope, log))
	if err != nil {
		return err
	}
	server := status.New(status.Config{
		Runner: r, Store: record, Targets: statusTargets(targets), Token: cfg.Token, Version: version, Logger: log,
	})
	warnAtStart(cfg, engine, log)
	log.Info().Str("version", version).Str("instance", record.Instance()).Strs("targets", targets.Names()).
		Str("listen", cfg.Listen).Msg("started")
	defer log.Info().Msg("stopped")
	return together(ctx, r.Run, func(ctx context.Context) error {
		return server.Serve(ctx, cfg.Listen, controlSocket(cfg.DataDir))
	})
}

// together runs all parts until ctx ends or one of them does: half an appliance is none.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			defer stop()
			errs[i] = part(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
