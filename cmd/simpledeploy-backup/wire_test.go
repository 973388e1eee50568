package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/docker"
	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
)

func TestTogether_EndsAllPartsWhenOneEnds(t *testing.T) {
	broken := errors.New("the port is taken")
	err := together(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); return nil },
		func(context.Context) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("together = %v, want %v", err, broken)
	}
}

func TestMounted_KnowsVolumesAboveTheDataFolder(t *testing.T) {
	for destination, want := range map[string]bool{"/data": true, "/": true, "/data/backups": false, "/database": false} {
		if got := mounted([]strategy.Mount{{Destination: destination}}, "/data"); got != want {
			t.Errorf("a mount at %s: %v, want %v", destination, got, want)
		}
	}
}

func TestLoadTargets_KeepsBackupsInTheDataFolderWithoutAnyTarget(t *testing.T) {
	cfg, err := loadConfig(vars("DATA_DIR", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	set, err := loadTargets(t.Context(), cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	local, ok := set.Get(localTarget)
	if !ok || !local.Local() {
		t.Errorf("targets are %v, want the local one", set.Names())
	}
}

func TestNewDecoder_RefusesDefaultsThatLabelsCouldNotHave(t *testing.T) {
	cfg, err := loadConfig(vars("DEFAULT_SCHEDULE", "0 25 * * *"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newDecoder(cfg); err == nil || !strings.Contains(err.Error(), "SIMPLEDEPLOY_DEFAULT_SCHEDULE: hour: 25") {
		t.Errorf("newDecoder = %v, want an error that names the schedule", err)
	}
}

// The table of labels and the registry each say what this version can do; they must say the same.
func TestNewDecoder_AgreesWithTheRegistryOnWhatIsAvailable(t *testing.T) {
	cfg, err := loadConfig(vars("DATA_DIR", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := newDecoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range strategies() {
		for _, word := range append([]string{e.Name}, e.Aliases...) {
			set := map[string]string{"simpledeploy.backup.strategy": word}
			if word == "exec" { // it has nothing to run otherwise
				set["simpledeploy.backup.dump-command"] = "cat /data/state"
			}
			services := decoder.Decode([]labels.Container{{
				Name: "db", Image: "example/app", Labels: set,
				Mounts: []labels.Mount{{Type: "volume", Name: "data", Destination: "/data", ReadWrite: true}},
			}})
			if got := len(services[0].Jobs) == 1; got != e.Available {
				t.Errorf("strategy %s: the labels take it: %t, the registry has it: %t (%+v)", word, got, e.Available, services[0].Problems)
			}
		}
	}
}

func TestNewDecoder_KnowsTheImagesOfEngines(t *testing.T) {
	cfg, err := loadConfig(vars("DATA_DIR", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := newDecoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"postgres:17": "postgres", "bitnami/postgresql-repmgr:16": "postgres", "paradedb/paradedb:latest": "postgres",
		"mariadb:11": "mysql", "percona/percona-xtradb-cluster:8.4": "mysql", "prometheuscommunity/postgres-exporter": "",
		"percona/percona-xtradb-cluster-operator:1.15.0-proxysql": "",
	} {
		if got := decoder.Decode([]labels.Container{{Name: "db", Image: image}})[0].Detected; got != want {
			t.Errorf("%s is taken for %q, want %q", image, got, want)
		}
	}
}

// Both packages know the label that marks this program's own containers, and neither knows the other.
func TestNewDecoder_KnowsTheEnginesHelpers(t *testing.T) {
	decoder, err := newDecoder(config{})
	if err != nil {
		t.Fatal(err)
	}
	mount := labels.Mount{Type: "volume", Name: "data", Destination: "/data", ReadWrite: true}
	of := func(role string) []labels.Service {
		return decoder.Decode([]labels.Container{{Name: "x", Image: "x", Labels: map[string]string{docker.RoleLabel: role}, Mounts: []labels.Mount{mount}}})
	}
	if got := of(docker.RoleHelper); len(got) != 0 {
		t.Errorf("a helper is a service: %+v", got)
	}
	if got := of(docker.RoleAppliance); len(got) != 1 || got[0].Stateful {
		t.Errorf("the appliance wants a backup: %+v", got)
	}
}
