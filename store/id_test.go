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

func TestIDTime_IsWhenItWasMade(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	at, err := IDTime(NewID())
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("made at %s, which is not between %s and now: %v", at, before, err)
	}
	for _, bad := range []string{"", "short", "0123456789abcdefg", "UPPERCASEUPPERCA", "../../../../../.."} {
		if at, err := IDTime(bad); err == nil {
			t.Errorf("%q is taken for an id of %s", bad, at)
		}
	}
}
