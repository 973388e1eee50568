package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

func TestGroupRestore_ANameMeansTheNewestWholeGroupRun(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "nightly", "quiesce": "stop"}
	app, web := a.idle("app", keys), a.idle("web", keys)
	app.Exec(t, "sh", "-c", "echo old > /files/state")
	web.Exec(t, "sh", "-c", "echo old > /files/state")
	a.start()
	row, members := a.group("app", "web")
	app.Exec(t, "sh", "-c", "echo new > /files/state")
	later, runs := a.group("app", "web")
	if row.State != store.Succeeded || later.State != store.Succeeded {
		t.Fatalf("the group runs are %s and %s: %s", row.State, later.State, row.Error+later.Error)
	}
	chosen := func(from, want string) {
		t.Helper()
		plan, err := a.runner.PlanGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: "nightly", Project: a.project, From: from})
		if err != nil || plan.GroupRun != want {
			t.Errorf("from %q the plan is for %q, %v, want %s", from, plan.GroupRun, err, want)
		}
	}
	chosen("", later.ID)
	chosen("local", later.ID)
	// A member whose manifest is gone makes that group run none, for whoever reads the target.
	a.must(os.Remove(filepath.Join(a.backups(), runs["web"].Artifacts[0].Key+target.ManifestSuffix)))
	chosen("local", row.ID)
	restored := a.restoreGroup(runner.GroupRestoreRequest{GroupRun: "nightly", Project: a.project, From: "local"})
	if restored.State != store.Succeeded || restored.GroupRun != row.ID {
		t.Fatalf("restore is %s of %s: %s", restored.State, restored.GroupRun, restored.Error)
	}
	if got := app.Exec(t, "cat", "/files/state"); got != "old" {
		t.Errorf("app holds %q", got)
	}
	// What that restore saved is the newest of all, and never what a name means.
	if restored.SafetyRun == "" {
		t.Error("the restore saved nothing")
	}
	chosen("local", row.ID)
	_, err := a.runner.PlanGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: "nightly", Project: a.project})
	if err == nil || !strings.Contains(err.Error(), runs["web"].ID) { // the record does not know that the file is gone
		t.Errorf("by the record: %v, want an error about run %s", err, runs["web"].ID)
	}
	a.noGroupOfThatName()
	plan, err := a.runner.PlanRestore(t.Context(), runner.RestoreRequest{Project: a.project, Service: "app", RunID: members["app"].ID})
	a.must(err)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "member of group run "+row.ID) || !strings.Contains(notes, "restore "+a.project+" --group "+row.ID) {
		t.Errorf("a member restored alone: %q", notes)
	}
}

func (a *appliance) noGroupOfThatName() {
	a.t.Helper()
	for want, req := range map[string]runner.GroupRestoreRequest{
		`no whole group run of "weekly"`:       {GroupRun: "weekly", Project: a.project},
		`has no whole group run of "weekly"`:   {GroupRun: "weekly", Project: a.project, From: "local"},
		"no target nas":                        {GroupRun: "nightly", Project: a.project, From: "nas"},
		"is the name of a group and not an id": {GroupRun: "nightly"},
	} {
		if _, err := a.runner.PlanGroupRestore(a.t.Context(), req); err == nil || !strings.Contains(err.Error(), want) {
			a.t.Errorf("%+v: %v, want %q", req, err, want)
		}
	}
}
