package store

import (
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewID_ShapeAndOrder(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{16}$`)
	synctest.Test(t, func(t *testing.T) {
		var all []string
		for range 100 {
			all = append(all, NewID())
			<-time.After(time.Millisecond) // of the bubble's clock
		}
		if !slices.IsSorted(all) {
			t.Error("ids do not sort by time")
		}
		for _, id := range all {
			if !shape.MatchString(id) {
				t.Errorf("id %q", id)
			}
		}
	})
	if a, b := NewID(), NewID(); a == b {
		t.Error("two ids are one")
	}
}

func TestSequence_NeverGoesBack(t *testing.T) {
	var s sequence
	at := time.UnixMilli(1000)
	all := []string{s.next(at), s.next(at), s.next(at.Add(-time.Hour)), s.next(at.Add(time.Millisecond))}
	s.low = 1<<32 - 1
	all = append(all, s.next(at), s.next(at))
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("ids: %v", all)
	}
}
