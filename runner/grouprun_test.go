package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// tandem writes one file and one row with the same number, again and again. It ends between two of them when it is
// asked to, and is given a minute for it however busy the machine is: a step that is cut off would be a disagreement of its
// own. It goes on after the last file that it finds: where a row with the next number is there already it gives up.
const tandem = `trap 'ending=1' TERM
i=$(ls /files | sort -n | tail -1)
while [ -z "$ending" ]; do
	i=$((i+1))
	echo "$i" > "/files/$i"
	psql -h "$DB" -U postgres -d shop -v ON_ERROR_STOP=1 -qc "insert into orders values ($i)" || exit 1
done`

// tandemShop is a project whose application keeps its state in two places that have to agree.
type tandemShop struct {
	*appliance
	db, app *enginetest.Container
}

func newTandemShop(t *testing.T, keys map[string]string) *tandemShop {
	t.Helper()
	a := newAppliance(t)
	network := enginetest.Network(t)
	both := map[string]string{"group": "nightly", "schedule": "manual"}
	for key, value := range keys {
		both[key] = value
	}
	s := &tandemShop{appliance: a}
	db := a.labels("db", both)
	db[a.prefix+".backup.strategy"] = "postgres"
	s.db = enginetest.StartPostgres(t, "17", enginetest.RunOptions{
		Labels: db, Network: network, Env: []string{"POSTGRES_PASSWORD=secret", "POSTGRES_DB=shop"},
	})
	s.db.Exec(t, "psql", "-U", "postgres", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-qc", "create table orders (i bigint primary key)")
	app := a.labels("app", both)
	app[a.prefix+".backup.strategy"], app[a.prefix+".backup.quiesce"] = "volume", "stop"
	s.app = enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.PostgresImage(t, "17"), Labels: app, Network: network, Volumes: []string{enginetest.Volume(t) + ":/files"},
		Env: []string{"PGPASSWORD=secret", "DB=" + s.db.Name}, Entrypoint: "sh", Cmd: []string{"-c", tandem}, Args: []string{"--init", "--stop-timeout", "60"},
	})
	s.writes()
	return s
}

// rows is how many there are.
func (s *tandemShop) rows() string {
	s.t.Helper()
	return s.db.Exec(s.t, "psql", "-U", "postgres", "-d", "shop", "-Atc", "select count(*) from orders")
}

// writes waits until the application has written something more.
func (s *tandemShop) writes() {
	s.t.Helper()
	before := s.rows()
	s.until("the application writes", func() bool { return s.rows() != before })
}

// agree stops the application and compares its files with its rows.
func (s *tandemShop) agree() (files, rows string, same bool) {
	s.t.Helper()
	enginetest.Docker(s.t, "stop", "-t", "60", s.app.ID)
	rows = s.db.Exec(s.t, "psql", "-U", "postgres", "-d", "shop", "-Atc", "select i from orders order by i")
	files = enginetest.Docker(s.t, "run", "--rm", "--volumes-from", s.app.ID, "--entrypoint", "sh", enginetest.BaseImage(s.t), "-c", "ls /files | sort -n")
	enginetest.Docker(s.t, "start", s.app.ID)
	return files, rows, files == rows
}

// damaged says whether the first row and the second file are gone.
func (s *tandemShop) damaged() bool {
	s.t.Helper()
	row := s.db.Exec(s.t, "psql", "-U", "postgres", "-d", "shop", "-Atc", "select count(*) from orders where i = 1")
	file := enginetest.Docker(s.t, "run", "--rm", "--volumes-from", s.app.ID, "--entrypoint", "sh", enginetest.BaseImage(s.t), "-c", "[ -e /files/2 ] && echo there || echo gone")
	return row == "0" && file == "gone"
}

func (s *tandemShop) mustAgree(when string) {
	s.t.Helper()
	files, rows, same := s.agree()
	if !same || rows == "" {
		s.t.Fatalf("%s the files and the rows do not agree: %d and %d of them", when, strings.Count(files, "\n")+1, strings.Count(rows, "\n")+1)
	}
}

// group runs the whole project and waits for the end of its group.
func (a *appliance) group(services ...string) (store.GroupRun, map[string]store.Run) {
	a.t.Helper()
	for _, service := range services {
		a.declared(service)
	}
	ids, err := a.runner.Trigger(a.t.Context(), runner.RunRequest{Project: a.project})
	a.must(err)
	return a.groupEnded(ids[0])
}

// groupEnded waits for the end of the group run that a run is part of.
func (a *appliance) groupEnded(runID string) (store.GroupRun, map[string]store.Run) {
	a.t.Helper()
	run, err := a.store.Run(a.t.Context(), runID)
	a.must(err)
	var row store.GroupRun
	a.until("group run "+run.GroupRun+" has ended", func() bool {
		row, err = a.store.GroupRun(a.t.Context(), run.GroupRun)
		a.must(err)
		return !row.FinishedAt.IsZero()
	})
	members, err := a.store.GroupMembers(a.t.Context(), row.ID)
	a.must(err)
	byService := map[string]store.Run{}
	for _, m := range members {
		byService[m.Service] = m
	}
	return row, byService
}

func (a *appliance) restoreGroup(req runner.GroupRestoreRequest) store.Restore {
	a.t.Helper()
	id, err := a.runner.StartGroupRestore(a.t.Context(), req)
	a.must(err)
	var row store.Restore
	a.until("restore "+id+" has ended", func() bool {
		row, err = a.store.Restore(a.t.Context(), id)
		a.must(err)
		return row.State != store.Queued && row.State != store.Running
	})
	return row
}

func TestGroup_FilesAndRowsAreOfOneMomentAndComeBackTogether(t *testing.T) {
	s := newTandemShop(t, nil)
	s.start()
	row, runs := s.group("app", "db")
	if row.State != store.Succeeded || len(runs) != 2 {
		t.Fatalf("group run is %s (%s): %s, with %d runs", row.State, row.Cause, row.Error, len(runs))
	}
	if row.HeldAt.IsZero() || row.ReleasedAt.Before(row.HeldAt) || runs["app"].ReleasedAt.IsZero() {
		t.Errorf("held from %s to %s, the run says %s", row.HeldAt, row.ReleasedAt, runs["app"].ReleasedAt)
	}
	if state := stateOf(t, s.app); state != "running" || len(s.journal()) > 0 {
		t.Errorf("the application is %s, the journal holds %+v", state, s.journal())
	}
	for service, run := range runs {
		b, err := os.ReadFile(filepath.Join(s.backups(), run.Artifacts[0].Key+target.ManifestSuffix))
		s.must(err)
		var m map[string]any
		s.must(json.Unmarshal(b, &m))
		if m["group_run"] != row.ID || m["group"] != "nightly" {
			t.Errorf("the manifest of %s names group %v and its run %v", service, m["group"], m["group_run"])
		}
	}
	s.writes()
	s.mustAgree("before the damage")
	// Somebody deletes a row and another one's file, and the application goes on.
	s.db.Exec(t, "psql", "-U", "postgres", "-d", "shop", "-qc", "delete from orders where i = 1")
	s.app.Exec(t, "rm", "/files/2")
	if _, _, same := s.agree(); same || !s.damaged() {
		t.Fatal("the damage damaged nothing")
	}

	restored := s.restoreGroup(runner.GroupRestoreRequest{GroupRun: row.ID})
	if restored.State != store.Succeeded || restored.SafetyRun == "" {
		t.Fatalf("restore is %s: %s", restored.State, restored.Error)
	}
	if state := stateOf(t, s.app); state != "running" || len(s.journal()) > 0 {
		t.Errorf("the application is %s, the journal holds %+v", state, s.journal())
	}
	s.writes()
	s.mustAgree("after the restore")
	if s.damaged() {
		t.Error("the damage is still there")
	}
	parts, err := s.store.RestoreParts(t.Context(), restored.ID)
	s.must(err)
	if len(parts) != 2 || parts[0].State != store.Succeeded || parts[1].SafetyRun == "" {
		t.Errorf("parts: %+v", parts)
	}
	// What was there before is a restore point too.
	safety, err := s.store.GroupRun(t.Context(), restored.SafetyRun)
	s.must(err)
	if safety.State != store.Succeeded || safety.Trigger != "safety" {
		t.Fatalf("the safety group run is %s (%s): %s", safety.State, safety.Trigger, safety.Error)
	}
	enginetest.Docker(t, "stop", "-t", "60", s.app.ID) // what is stopped stays stopped
	back := s.restoreGroup(runner.GroupRestoreRequest{GroupRun: safety.ID, NoSafety: true})
	if back.State != store.Succeeded || back.SafetyRun != "" {
		t.Fatalf("restore of what was there before is %s: %s", back.State, back.Error)
	}
	if state := stateOf(t, s.app); state != "exited" || !s.damaged() {
		t.Errorf("the application is %s, and what was there before is back: %t", state, s.damaged())
	}
}

func TestGroup_AFailedMemberFailsTheGroupAndTheOthersHaveTheirBackups(t *testing.T) {
	s := newTandemShop(t, map[string]string{"retries": "0"})
	s.start()
	s.declared("app")
	s.declared("db")
	enginetest.Docker(t, "stop", "-t", "60", s.app.ID)
	enginetest.Docker(t, "stop", "-t", "60", s.db.ID)
	enginetest.Docker(t, "start", s.app.ID)
	row, runs := s.group()
	if row.State != store.Failed || row.Cause != "container" || !strings.Contains(row.Error, s.project+"/db/default is failed: container") {
		t.Errorf("group run is %s (%s): %s", row.State, row.Cause, row.Error)
	}
	if runs["db"].State != store.Failed || len(runs["db"].Artifacts) > 0 {
		t.Errorf("the database's run is %s with %+v", runs["db"].State, runs["db"].Artifacts)
	}
	s.succeeded(runs["app"])
	_, err := s.runner.StartGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: row.ID})
	if refused := (&runner.RefusedError{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), s.project+"/db/default (its run is failed)") {
		t.Errorf("half a restore point is restored: %v", err)
	}
	if plan, err := s.runner.PlanGroupRestore(t.Context(), runner.GroupRestoreRequest{GroupRun: row.ID, Incomplete: true}); err != nil || len(plan.Members) != 1 || len(plan.Lacks) != 1 {
		t.Errorf("an incomplete restore that is wanted: %+v %v", plan, err)
	}
}

func TestGroup_AMemberThatIsGoneAndOneThatIsRefused(t *testing.T) {
	a := newAppliance(t)
	keys := func(more ...string) map[string]string {
		m := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "retries": "0"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	app := a.idle("app", keys("quiesce", "pause"))
	a.idle("web", keys("quiesce", "stop"))
	gone := a.idle("gone", keys("quiesce", "stop"))
	a.idle("bad", keys("retentoin", "7"))
	a.start()
	a.declared("app")
	a.declared("web")
	a.declared("gone")
	ids, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project, Keep: true})
	a.must(err)
	enginetest.Docker(t, "rm", "-f", gone.ID) // its lookup, its hold or its dump finds nothing
	row, runs := a.groupEnded(ids[0])
	if row.State != store.Failed || len(row.Refused) != 1 || row.Refused[0] != a.project+"/bad/default" || !strings.Contains(row.Error, "bad/default is in this group and was refused") {
		t.Errorf("group run is %s (refused %v): %s", row.State, row.Refused, row.Error)
	}
	if len(runs) != 3 || !runs["app"].Pinned || !runs["web"].Pinned {
		t.Errorf("the runs: %+v", runs)
	}
	a.succeeded(runs["app"])
	a.succeeded(runs["web"])
	if state := stateOf(t, app); state != "running" || len(a.journal()) > 0 {
		t.Errorf("the application is %s, the journal holds %+v", state, a.journal())
	}
	if gone := runs["gone"]; gone.State == store.Failed && !strings.Contains(row.Error, a.project+"/gone/default is failed") {
		t.Errorf("the group run does not name what failed: %s", row.Error)
	}
	a.until("the member is absent", func() bool { _, _, err := jobOf(a, "gone"); return err != nil })
	next, again := a.group()
	if len(again) != 2 || len(next.Warnings) != 1 || !strings.Contains(next.Warnings[0], a.project+"/gone/default was in the last run of this group") {
		t.Errorf("the next group run has %d runs and the warnings %v", len(again), next.Warnings)
	}
}

// jobOf is a declared job of the snapshot.
func jobOf(a *appliance, service string) (group, strategy string, err error) {
	for _, job := range a.runner.Snapshot().Jobs {
		if job.Service == service {
			return job.Group, job.Strategy, nil
		}
	}
	return "", "", fmt.Errorf("no job of %s", service)
}

func TestGroup_ATimeoutOfOneMemberLeavesTheOthersAlone(t *testing.T) {
	a := newAppliance(t)
	slow := a.idle("slow", map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop", "timeout": "1ms", "retries": "0"})
	a.idle("app", map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop"})
	a.start()
	row, runs := a.group("slow", "app")
	if row.State != store.Failed || runs["slow"].State != store.Failed || runs["slow"].Cause != "timeout" || !strings.Contains(row.Error, "timeout of 1ms") {
		t.Errorf("group run is %s: %s; the slow member's run is %s (%s)", row.State, row.Error, runs["slow"].State, runs["slow"].Cause)
	}
	a.succeeded(runs["app"])
	if state := stateOf(t, slow); state != "running" || len(a.journal()) > 0 {
		t.Errorf("the slow member is %s, the journal holds %+v", state, a.journal())
	}
}

func TestGroup_TwoProjectsWithTheSameGroupNeverMix(t *testing.T) {
	a, b := newAppliance(t), newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "nightly", "quiesce": "stop"}
	a.idle("app", keys)
	a.idle("web", keys)
	b.prefix = a.prefix
	other := b.idle("app", keys)
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		if id == other.ID {
			t.Error("the other project's container was stopped")
		}
		return e.Engine.Stop(ctx, id, grace)
	}
	a.start(tap(e), func(c *runner.Config) { c.Projects = []string{a.project, b.project} })
	a.until("the other project's job is declared", func() bool {
		n := 0
		for _, g := range a.runner.Snapshot().Groups {
			n += len(g.Jobs)
		}
		return n == 3
	})
	row, runs := a.group("app", "web")
	if row.State != store.Succeeded || len(runs) != 2 || runs["app"].Project != a.project || runs["web"].Project != a.project {
		t.Errorf("group run is %s with %+v", row.State, runs)
	}
	if rows, _, err := a.store.GroupRuns(t.Context(), store.Filter{Project: b.project}); err != nil || len(rows) > 0 {
		t.Errorf("the other project's group ran too: %+v %v", rows, err)
	}
}

func TestGroup_TicksAreOneRunOfAllMembersAndAMemberRunsByItself(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "@every 2s", "group": "g"}
	a.idle("app", keys)
	a.idle("web", keys)
	a.start()
	var rows []store.GroupRun
	a.until("two group runs have succeeded by schedule", func() bool {
		var err error
		rows, _, err = a.store.GroupRuns(t.Context(), store.Filter{Project: a.project, State: store.Succeeded, Trigger: "schedule"})
		a.must(err)
		return len(rows) >= 2
	})
	for _, row := range rows {
		members, err := a.store.GroupMembers(t.Context(), row.ID)
		a.must(err)
		if len(members) != 2 || row.ScheduledFor.IsZero() || !members[0].ScheduledFor.Equal(row.ScheduledFor) {
			t.Errorf("group run %s for %s has %+v", row.ID, row.ScheduledFor, members)
		}
	}
	run := a.succeeded(a.run("web"))
	if run.GroupRun != "" {
		t.Errorf("a member that was run by itself is part of group run %s", run.GroupRun)
	}
	runs, _, err := a.store.Runs(t.Context(), store.Filter{Project: a.project, Trigger: "schedule"})
	a.must(err)
	for _, r := range runs {
		if r.GroupRun == "" {
			t.Errorf("run %s of %s was made by schedule without its group", r.ID, r.JobID())
		}
	}
}

func TestGroup_TheEndOfTheApplianceInTheMiddleBringsAllBack(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop", "compression": "zstd:best"}
	app, web := a.idle("app", keys), a.idle("web", keys)
	for _, c := range []*enginetest.Container{app, web} {
		c.Exec(t, "sh", "-c", "head -c 400000000 /dev/urandom > /files/big")
	}
	a.start(func(c *runner.Config) { c.Grace = 0 })
	a.declared("app")
	a.declared("web")
	ids, err := a.runner.Trigger(t.Context(), runner.RunRequest{Project: a.project})
	a.must(err)
	a.until("the first dump streams", func() bool {
		p, ok := a.runner.Progress(ids[0])
		return ok && p.RawBytes > 1_000_000
	})
	if stateOf(t, app) != "exited" || stateOf(t, web) != "exited" {
		t.Errorf("while the first member is read they are %s and %s", stateOf(t, app), stateOf(t, web))
	}
	a.stop()
	a.start()
	row, runs := a.groupEnded(ids[0])
	if row.State != store.Interrupted || runs["app"].State != store.Interrupted || runs["web"].State != store.Interrupted {
		t.Errorf("group run is %s (%s); its runs are %s and %s", row.State, row.Error, runs["app"].State, runs["web"].State)
	}
	if stateOf(t, app) != "running" || stateOf(t, web) != "running" || len(a.journal()) > 0 {
		t.Errorf("they are %s and %s, the journal holds %+v", stateOf(t, app), stateOf(t, web), a.journal())
	}
	if left := a.files(a.backups()); len(left) > 0 {
		t.Errorf("an interrupted group run left %v", left)
	}
}

func TestGroup_OneThatCannotBeHeldFailsAlone(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop", "stop-timeout": "1s", "retries": "0"}
	stubborn, app := a.idle("stubborn", keys), a.idle("app", keys)
	e := &tapped{}
	e.stop = func(ctx context.Context, id string, grace time.Duration) error {
		if id == stubborn.ID {
			return errors.New("the engine says no")
		}
		return e.Engine.Stop(ctx, id, grace)
	}
	a.start(tap(e))
	row, runs := a.group("app", "stubborn")
	if row.State != store.Failed || runs["stubborn"].Cause != "hold" || !strings.Contains(row.Error, "the engine says no") {
		t.Errorf("group run is %s: %s; the stubborn member failed for %q", row.State, row.Error, runs["stubborn"].Cause)
	}
	a.succeeded(runs["app"])
	if stateOf(t, app) != "running" || stateOf(t, stubborn) != "running" {
		t.Errorf("they are %s and %s", stateOf(t, app), stateOf(t, stubborn))
	}
}

func TestGroupRestore_ADamagedMemberIsFoundBeforeAnythingIsReplaced(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop"}
	app, web := a.idle("app", keys), a.idle("web", keys)
	for _, c := range []*enginetest.Container{app, web} {
		c.Exec(t, "sh", "-c", "echo old > /files/state")
	}
	a.start()
	row, runs := a.group("app", "web")
	if row.State != store.Succeeded {
		t.Fatalf("group run is %s: %s", row.State, row.Error)
	}
	for _, c := range []*enginetest.Container{app, web} {
		c.Exec(t, "sh", "-c", "echo new > /files/state")
	}
	path := filepath.Join(a.backups(), runs["web"].Artifacts[0].Key)
	b, err := os.ReadFile(path)
	a.must(err)
	b[len(b)/2] ^= 0xff
	a.must(os.WriteFile(path, b, 0o600))
	restored := a.restoreGroup(runner.GroupRestoreRequest{GroupRun: row.ID})
	if restored.State != store.Failed || !strings.Contains(restored.Error, a.project+"/web/default") || !strings.Contains(restored.Error, "nothing was changed") {
		t.Errorf("restore is %s: %s", restored.State, restored.Error)
	}
	if got := app.Exec(t, "cat", "/files/state"); got != "new" {
		t.Errorf("the whole member was replaced: %q", got)
	}
	if stateOf(t, app) != "running" || stateOf(t, web) != "running" || len(a.journal()) > 0 {
		t.Errorf("they are %s and %s, the journal holds %+v", stateOf(t, app), stateOf(t, web), a.journal())
	}
}

func TestGroupRestore_FromATargetAloneWithoutTheRecord(t *testing.T) {
	a := newAppliance(t)
	keys := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop"}
	app, web := a.idle("app", keys), a.idle("web", keys)
	for _, c := range []*enginetest.Container{app, web} {
		c.Exec(t, "sh", "-c", "echo old > /files/state")
	}
	a.start()
	row, runs := a.group("app", "web")
	later, _ := a.group("app", "web") // another restore point beside it
	if row.State != store.Succeeded || later.State != store.Succeeded {
		t.Fatalf("the group runs are %s and %s: %s", row.State, later.State, row.Error+later.Error)
	}
	for _, c := range []*enginetest.Container{app, web} {
		c.Exec(t, "sh", "-c", "echo new > /files/state")
	}
	a.stop()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(a.dir, "simpledeploy.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	a.start()
	a.declared("app")
	a.declared("web")
	a.must(a.runner.Adopt(t.Context(), "local"))
	req := runner.GroupRestoreRequest{GroupRun: row.ID, Project: a.project, From: "local"}
	restored := a.restoreGroup(req)
	if restored.State != store.Succeeded {
		t.Fatalf("restore is %s: %s", restored.State, restored.Error)
	}
	for _, c := range []*enginetest.Container{app, web} {
		if got := c.Exec(t, "cat", "/files/state"); got != "old" {
			t.Errorf("%s holds %q", c.Name, got)
		}
	}
	// A member whose backup is gone is missed all the same.
	a.must(os.Remove(filepath.Join(a.backups(), runs["web"].Artifacts[0].Key+target.ManifestSuffix)))
	_, err := a.runner.PlanGroupRestore(t.Context(), req)
	if refused := (&runner.RefusedError{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), a.project+"/web/default") {
		t.Errorf("half a restore point: %v", err)
	}
	req.GroupRun = store.NewID()
	if _, err := a.runner.PlanGroupRestore(t.Context(), req); err == nil || !strings.Contains(err.Error(), "no backup of group run") {
		t.Errorf("an unknown group run: %v", err)
	}
}

func TestGroup_HooksOfAllMembersRunOutsideTheHold(t *testing.T) {
	a := newAppliance(t)
	keys := func(more ...string) map[string]string {
		m := map[string]string{"strategy": "volume", "schedule": "manual", "group": "g", "quiesce": "stop", "post": "echo $SIMPLEDEPLOY_STATE >> /files/hooks"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	good := a.idle("good", keys("pre", "echo pre >> /files/hooks"))
	bad := a.idle("bad", keys("pre", "echo pre >> /files/hooks; exit 3"))
	a.start()
	row, runs := a.group("good", "bad")
	if row.State != store.Failed || runs["bad"].State != store.Failed || runs["bad"].Cause != "hook" || len(runs["bad"].Artifacts) > 0 {
		t.Errorf("group run is %s: %s; the run whose hook fails is %s (%s)", row.State, row.Error, runs["bad"].State, runs["bad"].Cause)
	}
	a.succeeded(runs["good"])
	if got := good.Exec(t, "cat", "/files/hooks"); got != "pre\ndumped" {
		t.Errorf("the good member's hooks wrote %q", got)
	}
	if got := bad.Exec(t, "cat", "/files/hooks"); got != "pre\nfailed" {
		t.Errorf("the bad member's hooks wrote %q", got)
	}
}
