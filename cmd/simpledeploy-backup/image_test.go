package main_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
)

// A client in our image would be older than somebody's server one day: the tools are always the container's own.
func TestImage_HoldsNoDatabaseClient(t *testing.T) {
	c := enginetest.Run(t, enginetest.RunOptions{Image: image(t), Cmd: []string{"version"}})
	list := strings.Fields(enginetest.Shell(t, "docker export "+c.ID+" | tar -t", nil))
	if !slices.ContainsFunc(list, func(name string) bool { return path.Base(name) == "simpledeploy-backup" }) {
		t.Fatalf("the image does not hold the program: %v", list)
	}
	for _, name := range list {
		switch path.Base(name) {
		case "pg_dump", "psql", "mysqldump", "mariadb-dump", "mysql", "mariadb", "mongodump", "mongorestore", "redis-cli", "valkey-cli", "sqlite3":
			t.Errorf("the image holds %s", name)
		}
	}
}
