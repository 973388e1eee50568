package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

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

func TestLogConnection_SpeaksOnlyOfChanges(t *testing.T) {
	var out bytes.Buffer
	tell := logConnection(zerolog.New(&out))
	tell(true, nil)
	tell(true, nil)
	if out.Len() > 0 {
		t.Errorf("an engine that is there is no news: %s", out.String())
	}
	tell(false, errors.New("gone"))
	tell(false, errors.New("gone"))
	tell(true, nil)
	tell(true, nil)
	if lines := strings.Count(out.String(), "\n"); lines != 2 {
		t.Errorf("%d lines, want one for going and one for coming back:\n%s", lines, out.String())
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
	if _, err := newDecoder(cfg); err == nil || !strings.Contains(err.Error(), "schedule") {
		t.Errorf("newDecoder = %v, want an error that names the schedule", err)
	}
}
