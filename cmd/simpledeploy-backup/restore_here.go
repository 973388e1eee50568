package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/target"
)

// restoreHere reads a backup straight from a target, in this process and without the record: the way back when
// nothing is left but the storage.
func (p *program) restoreHere(ctx context.Context, what selector, at time.Time, f *restoreFlags) error {
	cfg, from, instance, err := p.openSource(ctx, f.from, f.instance)
	if err != nil {
		return err
	}
	manifest, err := runner.FindBackup(ctx, from, runner.Selector{
		Instance: instance, Project: what.project, Service: what.service, Job: what.job, RunID: f.run, At: at,
	})
	if err != nil {
		return withInstances(err, cfg, from, instance)
	}
	fmt.Fprintf(p.err, "run %s of %s/%s/%s, taken %s, from %s: %s\n", manifest.Run, printable(manifest.Project), printable(manifest.Service),
		printable(manifest.Job), moment(manifest.StartedAt), from.Name(), manifest.Key)
	if f.dryRun {
		return nil
	}
	registry := strategies()
	raw, err := runner.OpenBackup(ctx, from, manifest, registry, cfg.CompressionWorkers)
	if err != nil {
		return err
	}
	if f.stdout {
		err = p.printBackup(raw)
	} else {
		err = p.writeFolder(ctx, f.toDir, manifest, raw)
	}
	return errors.Join(err, raw.Close())
}

// chooseTarget takes the named one, else the first that runs are stored on.
func chooseTarget(cfg config, targets *target.Set, name string) (*target.Target, error) {
	if name == "" {
		name = localTarget
		if def := cfg.Defaults["target"]; def != "" {
			name, _, _ = strings.Cut(def, ",")
		}
	}
	name = strings.TrimSpace(name)
	from, ok := targets.Get(name)
	if !ok {
		return nil, usageErrorf("there is no target %q; the environment defines %s", name, strings.Join(targets.Names(), ", "))
	}
	return from, nil
}

// chooseInstance takes the named one, else this host's: from the environment, or from the appliance if one runs.
func (p *program) chooseInstance(ctx context.Context, cfg config, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	if cfg.Instance != "" {
		return cfg.Instance, nil
	}
	server, err := p.server()
	if err != nil {
		return "", err
	}
	now, err := server.Status(ctx)
	if err != nil {
		return "", usageErrorf("say which host's backups these are with --instance NAME: no appliance runs here that could tell")
	}
	return now.Instance, nil
}

// printBackup writes the raw stream. Its end is withheld until hash and proof agree, so an error after the last byte
// means that what was printed is not to be used.
func (p *program) printBackup(raw io.Reader) error {
	if _, err := io.Copy(p.out, raw); err != nil {
		return fmt.Errorf("the output is not complete or not right, do not use it: %w", err)
	}
	return nil
}

// writeFolder puts a backup into an empty folder. It is written into a folder of its own in there, so that all of it is
// on one file system (the folder may be a mount), and moved up once the backup has proven to be whole.
func (p *program) writeFolder(ctx context.Context, dir string, m target.Manifest, raw io.Reader) (err error) {
	if err := mustBeEmpty(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	stage := filepath.Join(dir, ".partial-"+m.Run)
	if err := os.Mkdir(stage, 0o700); err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	var done filetree.Summary
	if m.Strategy == "volume" {
		done, err = filetree.ExtractTo(ctx, stage, raw)
	} else {
		err = writeFile(filepath.Join(stage, fileName(m)), raw)
	}
	if err != nil {
		return fmt.Errorf("restore into %s, nothing is left there: %w", dir, err)
	}
	for _, warning := range done.Warnings {
		fmt.Fprintln(p.err, "warning: "+warning)
	}
	if err := moveUp(stage, dir); err != nil {
		return err
	}
	p.warnInside(dir)
	return nil
}

func moveUp(stage, dir string) error {
	entries, err := os.ReadDir(stage)
	if err != nil {
		return fmt.Errorf("restore into %s: %w", dir, err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(stage, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("restore into %s: %w", dir, err)
		}
	}
	return nil
}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look into the folder: %w", err)
	case len(entries) > 0:
		return usageErrorf("restore: %s is not empty; name a new folder", dir)
	}
	return nil
}

// fileName is that of the object, less what the stages added.
func fileName(m target.Manifest) string {
	key, err := target.ParseKey(m.Key)
	if err != nil {
		return "backup" + m.Raw.Extension
	}
	return key.Service + "-" + key.Time.UTC().Format("20060102T150405Z") + m.Raw.Extension
}

func writeFile(path string, raw io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	_, err = io.Copy(f, raw)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
