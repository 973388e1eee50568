package main

import (
	"path/filepath"

	"github.com/simpledeploy/backup/status"
)

// server speaks to the appliance that runs beside this command, through the control socket in its data folder.
func (p *program) server() (*status.Client, error) {
	dir, err := p.dataDir()
	if err != nil {
		return nil, err
	}
	return status.NewClient(controlSocket(dir)), nil
}

// dataDir is the one setting that every command needs; the others are the server's to judge.
func (p *program) dataDir() (string, error) {
	dir := p.environ[envPrefix+"DATA_DIR"]
	if dir == "" {
		return "/data", nil
	}
	if !filepath.IsAbs(dir) {
		return "", usageErrorf("%sDATA_DIR: %q is not an absolute path", envPrefix, dir)
	}
	return dir, nil
}

func controlSocket(dataDir string) string { return filepath.Join(dataDir, "run", "control.sock") }
