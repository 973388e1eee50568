package main

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/status"
)

func TestLooksLikeRun_TellsARunFromAProject(t *testing.T) {
	for arg, want := range map[string]bool{
		"06gzq3v8t6x2m4nk": true, "shop": false, "shop/db": false, "averylongproject": false, "06gzq3v8t6x2m4n": false, "06gzq3v8t6x2m4ni": false,
	} {
		if got := looksLikeRun(arg); got != want {
			t.Errorf("looksLikeRun(%q) = %t", arg, got)
		}
	}
}

func TestUnknownJob_NamesTheLikelyOneOrAll(t *testing.T) {
	jobs := []status.Job{{Project: "shop", Service: "db", Job: "default"}, {Project: "shop", Service: "db", Job: "hourly"}}
	for _, c := range []struct {
		what selector
		want string
	}{
		{selector{"shop", "db", ""}, ""},
		{selector{"shop", "", ""}, ""},
		{selector{"shp", "db", ""}, "no job shp/db; did you mean shop/db?"},
		{selector{"shop", "db", "horly"}, "did you mean shop/db/hourly?"},
		{selector{"attic", "files", ""}, "no job attic/files; there are: shop/db"},
	} {
		err := unknownJob(jobs, c.what)
		if err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	if err := unknownJob(nil, selector{"shop", "db", ""}); err == nil || !strings.Contains(err.Error(), "no container declares any job") {
		t.Errorf("without jobs: %v", err)
	}
}
