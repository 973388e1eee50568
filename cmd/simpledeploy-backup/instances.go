package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
)

// withInstances says which hosts' backups there are, when there are none of the one that was named.
func withInstances(err error, cfg config, from *target.Target, instance string) error {
	var missing *runner.NotFoundError
	if !errors.As(err, &missing) {
		return err
	}
	names := instancesBelow(localFolder(cfg, from))
	if len(names) == 0 || slices.Contains(names, instance) {
		return err
	}
	return fmt.Errorf("%w; target %s holds backups of the instances %s: name one with --instance", err, from.Name(), strings.Join(names, ", "))
}

// localFolder is where a target keeps its objects on this machine; empty when that is elsewhere.
func localFolder(cfg config, t *target.Target) string {
	path := cfg.Targets[t.Name()]
	switch {
	case filepath.IsAbs(path):
		return path
	case path == "" && t.Name() == localTarget:
		return filepath.Join(cfg.DataDir, "backups")
	}
	return ""
}

// instancesBelow are the top folders of a target: each is the name of a host that wrote there.
func instancesBelow(dir string) []string {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "lost+found" {
			names = append(names, e.Name())
		}
	}
	return names
}
