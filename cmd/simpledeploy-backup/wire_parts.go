package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

// newDecoder knows the labels: their keys, the strategies of this version and the targets of this environment.
func newDecoder(cfg config) (*labels.Decoder, error) {
	var known []labels.Strategy
	for _, e := range strategies() {
		known = append(known, labels.Strategy{Name: e.Name, Aliases: e.Aliases, Images: e.Images, Available: e.Available, Files: e.Files})
	}
	decoder, err := labels.NewDecoder(labels.Config{
		Prefix: cfg.LabelPrefix, Strategies: known, Targets: cfg.targetNames(), Defaults: cfg.Defaults,
		Timezone: cfg.Timezone, MinInterval: cfg.MinInterval, Auto: cfg.Auto,
	})
	if err != nil {
		return nil, fmt.Errorf("defaults of the environment: %w", err)
	}
	return decoder, nil
}

// strategies is the registry of this program.
func strategies() []strategy.Entry { return strategy.Builtin() }

// loadTargets opens what the environment names, and the built-in local target.
func loadTargets(ctx context.Context, cfg config, log zerolog.Logger) (*target.Set, error) {
	set, err := target.Load(ctx, target.Config{
		Paths: cfg.Targets, LocalDir: filepath.Join(cfg.DataDir, "backups"),
		ConfigFiles: []string{filepath.Join(cfg.DataDir, "rclone.conf"), "/config/rclone/rclone.conf"},
		Bandwidth:   cfg.Bandwidth, MinFree: int64(cfg.MinFree),
		Logger: slog.New(zerolog.NewSlogHandler(log)),
	})
	if err != nil {
		return nil, fmt.Errorf("targets: %w", err)
	}
	return set, nil
}

// openRecord opens the store. Its first start needs a name for this host, which the engine gives if nobody else does.
// The container's own host name would not do: it is another one with every new container, and the next appliance on an
// empty disk would not find the backups under it.
func openRecord(ctx context.Context, cfg config) (*store.Store, error) {
	path := filepath.Join(cfg.DataDir, "simpledeploy.db")
	instance := cfg.Instance
	if _, err := os.Stat(path); instance == "" && errors.Is(err, fs.ErrNotExist) {
		if instance, err = engineName(ctx, cfg); err != nil {
			return nil, fmt.Errorf("name this host at its first start: set %sINSTANCE to a name of your choice, or let the engine tell its own: %w", envPrefix, err)
		}
	}
	return store.Open(ctx, path, store.Options{Instance: instance})
}

func engineName(ctx context.Context, cfg config) (name string, err error) {
	engine, err := docker.Connect(ctx, docker.Options{DataDir: cfg.DataDir, Prefix: cfg.LabelPrefix})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return engine.Name(ctx)
}

func runnerConfig(cfg config, record *store.Store, engine *docker.Engine, decoder *labels.Decoder, targets *target.Set,
	scope []string, log zerolog.Logger) runner.Config {
	return runner.Config{
		Store: record, Engine: engine, Decoder: decoder, Targets: targets, Registry: strategies(),
		Own: engine.Self, DataDir: cfg.DataDir,
		Rival: func(ctx context.Context) (string, error) {
			rivals, err := engine.Rivals(ctx, docker.Self{Scope: scope, Prefix: cfg.LabelPrefix})
			if err != nil || len(rivals) == 0 {
				return "", err
			}
			return rivals[0].String(), nil
		},
		Projects: scope, Concurrency: cfg.Concurrency, Workers: cfg.CompressionWorkers, CatchUp: cfg.CatchUp,
		Grace: cfg.ShutdownGrace, MinFree: int64(cfg.MinFree), RetentionByTarget: cfg.Retentions,
		HistoryRetention: cfg.HistoryRetention, Version: version, Logger: log,
	}
}

// projects puts the appliance's own project in the place of "self".
func projects(names []string, engine *docker.Engine) ([]string, error) {
	if !slices.Contains(names, "self") {
		return names, nil
	}
	own, ok := engine.Self()
	id, _, _ := labels.IdentityOf(own.Name, own.Labels)
	if !ok || id.Project == "_" {
		return nil, errors.New(envPrefix + "PROJECTS: self means the appliance's own Compose project, and it runs in none: name the projects")
	}
	scope := slices.Clone(names)
	scope[slices.Index(scope, "self")] = id.Project
	return scope, nil
}

func statusTargets(set *target.Set) []status.Target {
	var all []status.Target
	for _, name := range set.Names() {
		if t, ok := set.Get(name); ok {
			all = append(all, t)
		}
	}
	return all
}

// logConnection logs when the engine goes and when it is back.
func logConnection(log zerolog.Logger) func(bool, error) {
	return func(connected bool, err error) {
		if connected {
			log.Info().Msg("the engine answers again")
			return
		}
		log.Error().Err(err).Msg("the engine is away; nothing starts until it answers")
	}
}

// warnAtStart says what works but loses data on a bad day.
func warnAtStart(cfg config, engine *docker.Engine, log zerolog.Logger) {
	if len(cfg.Targets) == 0 {
		log.Warn().Msg("no target is configured: backups stay in DATA_DIR, on the same host as the data; set " + envPrefix + "TARGET_<NAME>")
	}
	if own, ok := engine.Self(); ok && !mounted(own.Mounts, cfg.DataDir) {
		log.Warn().Str("data_dir", cfg.DataDir).Msg("the data folder is not a volume: record and local backups go with this container")
	}
}

func mounted(mounts []strategy.Mount, dir string) bool {
	return slices.ContainsFunc(mounts, func(m strategy.Mount) bool {
		rel, err := filepath.Rel(m.Destination, dir)
		return err == nil && filepath.IsLocal(rel)
	})
}
