package runner_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/internal/enginetest"
)

// scaled is a service of two containers on one volume, with a worker and a reader of other services beside them.
func (s *stack) scaled(quiesce string, more ...string) {
	s.t.Helper()
	keys := heldFiles()
	if keys["quiesce"] = quiesce; quiesce == "pause" {
		delete(keys, "stop-timeout")
	}
	for i := 0; i+1 < len(more); i += 2 {
		keys[more[i]] = more[i+1]
	}
	volume := enginetest.Volume(s.t)
	on := func(name, service, number, mount string, keys map[string]string) {
		labels := s.labels(service, keys)
		labels["com.docker.compose.container-number"] = number
		s.containers[name] = enginetest.Run(s.t, enginetest.RunOptions{
			Name: s.project + "-" + name, Image: enginetest.BaseImage(s.t), Labels: labels, Volumes: []string{volume + mount},
			Cmd: []string{"sleep", "infinity"}, Args: []string{"--init", "--stop-timeout", "1"},
		})
	}
	on("app-2", "app", "2", ":/files", keys)
	on("app-1", "app", "1", ":/files", keys)
	on("worker", "worker", "1", ":/queue", nil)
	on("reader", "reader", "1", ":/files:ro", nil)
}

// onlyTheWorkerIsNamed sees to the one warning.
func onlyTheWorkerIsNamed(t *testing.T, s *stack, warnings []string) {
	t.Helper()
	about := slices.DeleteFunc(slices.Clone(warnings), func(w string) bool { return !strings.Contains(w, "also writes to") })
	if len(about) != 1 || !strings.HasPrefix(about[0], s.containers["worker"].Name+" also writes to ") || !strings.Contains(about[0], "depends_on") {
		t.Errorf("warnings: %q", warnings)
	}
}

func TestQuiesce_StopsEveryReplicaAndNamesWhoElseWrites(t *testing.T) {
	s := newStack(t)
	s.scaled("stop")
	s.start(tap(s.listening()))
	s.declared("app")
	view, err := s.runner.PlanView(t.Context())
	s.must(err)
	want := []string{s.project + "/app (" + s.containers["app-1"].Name + ")", s.project + "/app (" + s.containers["app-2"].Name + ")"}
	if d := cmp.Diff(want, view.Next[0].Stops); d != "" {
		t.Errorf("the plan (-want +got):\n%s", d)
	}
	run := s.succeeded(s.run("app"))
	s.wantAsked("stop app-1", "stop app-2", "start app-2", "start app-1")
	onlyTheWorkerIsNamed(t, s, run.Warnings)
	s.allBack(nil)
}

func TestQuiesce_PausesEveryReplica(t *testing.T) {
	s := newStack(t)
	s.scaled("pause")
	e := s.listening()
	e.pause = func(ctx context.Context, id string) error {
		s.note("pause", id)
		return e.Engine.Pause(ctx, id)
	}
	s.start(tap(e))
	run := s.succeeded(s.run("app"))
	s.wantAsked("pause app-1", "pause app-2")
	onlyTheWorkerIsNamed(t, s, run.Warnings)
	s.allBack(nil)
}

func TestGroup_HoldsEveryReplicaOfAMember(t *testing.T) {
	s := newStack(t)
	s.scaled("stop", "group", "nightly")
	s.start(tap(s.listening()))
	row, runs := s.group("app")
	if row.State != "succeeded" {
		t.Fatalf("group run is %s: %s", row.State, row.Error)
	}
	s.wantAsked("stop app-1", "stop app-2", "start app-2", "start app-1")
	onlyTheWorkerIsNamed(t, s, runs["app"].Warnings)
	s.allBack(nil)
}
