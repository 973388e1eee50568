package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
)

func TestPrintStops_NamesWhoIsDownDuringWhichRun(t *testing.T) {
	var out bytes.Buffer
	p := &program{out: &out}
	p.printStops([]runner.NextRun{{Job: "shop/mail/default"}, {Job: "shop/db/default", Stops: []string{"shop/web", "shop/db"}}})
	p.printStops([]runner.NextRun{{Job: "shop/mail/default"}})
	if diff := cmp.Diff("\nStopped while files are read:\n  shop/db/default: shop/web, shop/db\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
