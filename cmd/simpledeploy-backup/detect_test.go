package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
)

func TestPrintServices_SaysWhatProtectsEach(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	err := p.printServices([]status.Service{
		{Project: "shop", Service: "db", Image: "postgres:17", Stateful: true, Protected: true, Jobs: []string{"shop/db/default", "shop/db/hourly"},
			LastGood: now.Add(-3 * time.Hour), Waiting: []string{"shop/db/hourly"}},
		{Project: "shop", Service: "new", Image: "postgres:17", Stateful: true, Protected: true, Jobs: []string{"shop/new/default"},
			Waiting: []string{"shop/new/default"}},
		{Project: "shop", Service: "files", Image: "app", Stateful: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "cache", Image: "redis:8", Stateful: true, OptedOut: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "wrong", Image: "app", Stateful: true, Problems: 1},
		{Project: "shop", Service: "backup", Image: "simpledeploy-backup"},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SERVICE IMAGE PROTECTED BY",
		"shop/db postgres:17 yes (last good 3 h ago) shop/db/default, shop/db/hourly (no good backup yet)",
		"shop/new postgres:17 declared, no good backup yet shop/new/default",
		"shop/files app NO would fit: volume: data on /data",
		"shop/cache redis:8 off its labels say enable=false",
		"shop/wrong app refused see simpledeploy-backup plan",
		"shop/backup simpledeploy-backup - keeps no state",
		"",
		"2 services keep state and have no backup, 1 is declared and has no good backup yet.",
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, flat(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
