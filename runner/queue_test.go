package runner

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// gate is a task that says when it begins and ends when it is told to.
type gate struct {
	task
	open chan struct{}
}

func newGate(began *[]string, id, job string, locks ...string) *gate {
	g := &gate{open: make(chan struct{})}
	g.task = task{id: id, jobs: []string{job}, locks: locks, do: func(context.Context) {
		*began = append(*began, id)
		<-g.open
	}}
	return g
}

func TestQueue_OneRunPerJobAndContainerAndAtMostTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []string
		q := newQueue(t.Context(), 2)
		a1 := newGate(&began, "a1", "shop/db/default", "shop/db")
		a2 := newGate(&began, "a2", "shop/db/default", "shop/db")
		b := newGate(&began, "b", "shop/db/weekly", "shop/db") // other job, same container
		c := newGate(&began, "c", "shop/app/default", "shop/app")
		d := newGate(&began, "d", "shop/web/default", "shop/web")
		for _, g := range []*gate{a1, a2, b, c, d} {
			q.submit(&g.task)
			synctest.Wait()
		}
		want := func(ids ...string) {
			t.Helper()
			if diff := cmp.Diff(ids, began); diff != "" {
				t.Fatalf("began (-want +got):\n%s", diff)
			}
		}
		want("a1", "c") // a2 and b wait for a1, d for a slot
		close(c.open)
		synctest.Wait()
		want("a1", "c", "d")
		close(a1.open)
		synctest.Wait()
		want("a1", "c", "d", "a2") // b may not overtake a2, which waits for the same container
		close(a2.open)
		synctest.Wait()
		want("a1", "c", "d", "a2", "b")
		close(b.open)
		close(d.open)
		<-q.close()
	})
}

func TestQueue_RestoreTakesNoSlotButWaitsForItsService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []string
		q := newQueue(t.Context(), 1)
		run := newGate(&began, "run", "shop/db/default", "shop/db")
		same := newGate(&began, "same", "restore/1", "shop/db")
		other := newGate(&began, "other", "restore/2", "shop/app")
		same.free, other.free = true, true
		for _, g := range []*gate{run, same, other} {
			q.submit(&g.task)
			synctest.Wait()
		}
		if diff := cmp.Diff([]string{"run", "other"}, began); diff != "" {
			t.Fatalf("began (-want +got):\n%s", diff)
		}
		close(run.open)
		synctest.Wait()
		if began[len(began)-1] != "same" {
			t.Fatalf("the restore did not begin after the run: %v", began)
		}
		close(same.open)
		close(other.open)
		<-q.close()
	})
}

func TestQueue_ClosedTakesNothingAndForgetsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []string
		q := newQueue(t.Context(), 1)
		working := newGate(&began, "working", "a", "a")
		waiting := newGate(&began, "waiting", "b", "b")
		q.submit(&working.task)
		q.submit(&waiting.task)
		if !q.busy("b") {
			t.Fatal("a waiting job is not busy")
		}
		ended := q.close()
		if q.submit(&newGate(&began, "late", "c", "c").task) {
			t.Fatal("a closed queue took work")
		}
		close(working.open)
		<-ended
		if diff := cmp.Diff([]string{"working"}, began); diff != "" {
			t.Fatalf("began (-want +got):\n%s", diff)
		}
	})
}
