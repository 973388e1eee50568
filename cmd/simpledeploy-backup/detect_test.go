package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
)

func TestPrintServices_SaysWhatProtectsEach(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	err := p.printServices([]status.Service{
		{Project: "shop", Service: "db", Image: "postgres:17", Stateful: true, Protected: true, Jobs: []string{"shop/db/default"}},
		{Project: "shop", Service: "files", Image: "app", Stateful: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "cache", Image: "redis:8", Stateful: true, OptedOut: true, Suggested: []string{"volume: data on /data"}},
		{Project: "shop", Service: "wrong", Image: "app", Stateful: true, Problems: 1},
		{Project: "shop", Service: "backup", Image: "simpledeploy-backup"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SERVICE IMAGE PROTECTED BY",
		"shop/db postgres:17 yes shop/db/default",
		"shop/files app NO would fit: volume: data on /data",
		"shop/cache redis:8 off its labels say enable=false",
		"shop/wrong app refused see simpledeploy-backup plan",
		"shop/backup simpledeploy-backup - keeps no state",
		"",
		"2 services keep state and no backup.",
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, flat(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
