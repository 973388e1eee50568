package filetree

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// besides are a file that is restored and one beside it that shall be gone afterwards.
func besides(t *testing.T) (dir string, roots []Root, archive []byte) {
	t.Helper()
	dir = t.TempDir()
	put(t, dir+"/app.db", "archived")
	archive, _ = archiveOf(t, ArchiveOptions{}, Root{Path: "/data/app.db", Mount: dir, Sub: "app.db"})
	put(t, dir+"/app.db", "now")
	put(t, dir+"/app.db-wal", "stale")
	put(t, dir+"/other", "left alone")
	for _, name := range []string{"app.db", "app.db-wal", "app.db-shm"} {
		roots = append(roots, Root{Path: "/data/" + name, Mount: dir, Sub: name})
	}
	return dir, roots, archive
}

var sidesGone = []string{"/data/app.db-wal", "/data/app.db-shm"}

func textsIn(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		b, err := os.ReadFile(dir + "/" + e.Name())
		must(t, err)
		out = append(out, e.Name()+"="+string(b))
	}
	return strings.Join(out, " ")
}

func TestRestore_WhatShallBeAbsentGoesInTheSameStep(t *testing.T) {
	dir, roots, archive := besides(t)
	looked := ""
	_, err := Restore(t.Context(), roots, RestoreOptions{Token: "a", Absent: sidesGone, Check: func(r Root, here string) error {
		b, err := os.ReadFile(here)
		looked += r.Path + "=" + string(b)
		return err
	}}, strings.NewReader(string(archive)))
	if err != nil || looked != "/data/app.db=archived" {
		t.Errorf("looked at %q, error %v", looked, err)
	}
	if got := textsIn(t, dir); got != "app.db=archived other=left alone" {
		t.Errorf("now %s", got)
	}
}

func TestRestore_AFailedCheckOrStepBringsTheAbsentBack(t *testing.T) {
	dir, roots, archive := besides(t)
	before, why := textsIn(t, dir), errors.New("not sound")
	_, err := Restore(t.Context(), roots, RestoreOptions{Token: "a", Absent: sidesGone, Check: func(Root, string) error { return why }}, strings.NewReader(string(archive)))
	if got := textsIn(t, dir); !errors.Is(err, why) || got != before {
		t.Errorf("error %v, now %s", err, got)
	}
	// A crash at any step is finished or undone as a whole.
	for n := 0; ; n++ {
		dir, roots, archive := besides(t)
		steps := 0
		_, err := Restore(t.Context(), roots, RestoreOptions{Token: "a", Absent: sidesGone, step: func(string) error {
			if steps++; steps == n+1 {
				return why
			}
			return nil
		}}, strings.NewReader(string(archive)))
		if steps <= n {
			if err != nil || n < 10 {
				t.Errorf("after %d steps: %v", n, err)
			}
			return
		}
		must(t, Recover(t.Context(), roots, "a"))
		if got := textsIn(t, dir); got != before && got != "app.db=archived other=left alone" {
			t.Errorf("step %d: neither the old state nor the new one: %s", n, got)
		}
	}
}
