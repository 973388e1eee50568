package filetree

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forge writes members as they are told, however wrong.
func forge(list ...*header) []byte {
	var b []byte
	for _, h := range list {
		if h.mode == 0 {
			h.mode = 0o755
		}
		body := h.link
		if h.kind == kindFile {
			h.link, h.stored = "", int64(len(body))
			if h.size == 0 {
				h.size = h.stored
			}
			b = appendPadded(h.append(b), []byte(body))
			continue
		}
		b = h.append(b)
	}
	return append(b, zeros[:1024]...)
}

func TestRestore_HostileArchivesAreRefusedAndReachNothing(t *testing.T) {
	top := &header{path: "data", kind: kindFolder}
	file := func(path, body string) *header { return &header{path: path, kind: kindFile, link: body} }
	for name, list := range map[string][]*header{
		"absolute":                     {top, file("/data/x", "bad")},
		"absolute elsewhere":           {top, file("/etc/x", "bad")},
		"up":                           {top, file("data/../x", "bad")},
		"up at the end":                {top, {path: "data/..", kind: kindFolder}},
		"dot":                          {top, file("data/./x", "bad")},
		"double slash":                 {top, file("data//x", "bad")},
		"other root":                   {top, file("etc/passwd", "bad")},
		"name that only begins alike":  {top, file("database/x", "bad")},
		"through a link":               {top, {path: "data/l", kind: kindLink, link: "../outside"}, file("data/l/x", "bad")},
		"through an absolute link":     {top, {path: "data/l", kind: kindLink, link: "/"}, file("data/l/tmp/x", "bad")},
		"onto a link":                  {top, {path: "data/l", kind: kindLink, link: "../outside/secret"}, file("data/l", "bad")},
		"folder onto a link":           {top, {path: "data/l", kind: kindLink, link: "../outside"}, {path: "data/l", kind: kindFolder}},
		"hard link out":                {top, {path: "data/h", kind: kindHard, link: "outside/secret"}},
		"hard link up":                 {top, {path: "data/h", kind: kindHard, link: "data/../outside/secret"}},
		"hard link absolute":           {top, {path: "data/h", kind: kindHard, link: "/etc/passwd"}},
		"hard link through a link":     {top, {path: "data/l", kind: kindLink, link: "../outside"}, {path: "data/h", kind: kindHard, link: "data/l/secret"}},
		"hard link to nothing":         {top, {path: "data/h", kind: kindHard, link: "data/none"}},
		"file twice":                   {top, file("data/x", "1"), file("data/x", "2")},
		"file below a file":            {top, file("data/x", "1"), file("data/x/y", "2")},
		"root twice":                   {top, top},
		"root is a file":               {file("data", "bad")},
		"root is a link":               {{path: "data", kind: kindLink, link: "/etc"}},
		"no root":                      {file("data/x", "1")},
		"unknown kind":                 {top, {path: "data/x", kind: '7'}},
		"sparse map beyond the size":   {top, {path: "data/x", kind: kindFile, sparse: true, size: 10, link: "1\n0\n600\n" + strings.Repeat("\x00", 504+600)}},
		"sparse map with overlaps":     {top, {path: "data/x", kind: kindFile, sparse: true, size: 5000, link: "2\n10\n10\n5\n10\n" + strings.Repeat("\x00", 500+20)}},
		"sparse map without end":       {top, {path: "data/x", kind: kindFile, sparse: true, size: 5000, link: strings.Repeat("1", 512)}},
		"sparse map with huge count":   {top, {path: "data/x", kind: kindFile, sparse: true, size: 5000, link: "99999999999\n" + strings.Repeat("\x00", 500)}},
		"staging folder of this token": {top, {path: "data/" + StagingPrefix + "h-00000000/../x", kind: kindFolder}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir+"/data/mine", "mine")
			put(t, dir+"/outside/secret", "secret")
			before := snapshot(t, dir)
			_, err := Restore(t.Context(), []Root{{Path: "/data", Mount: dir + "/data"}}, RestoreOptions{Token: "h"}, bytes.NewReader(forge(list...)))
			if err == nil {
				t.Error("was taken")
			}
			if d := cmp.Diff(before, snapshot(t, dir)); d != "" {
				t.Errorf("changed (-before +after):\n%s", d)
			}
		})
	}
}

func TestRestore_RefusesTokensThatArePaths(t *testing.T) {
	root := []Root{{Path: "/data", Mount: t.TempDir()}}
	for _, token := range []string{"", "../x", "a/b", strings.Repeat("x", 65), "a\x00"} {
		if _, err := Restore(t.Context(), root, RestoreOptions{Token: token}, bytes.NewReader(nil)); err == nil {
			t.Errorf("%q: taken", token)
		}
		if err := Recover(t.Context(), root, token); err == nil {
			t.Errorf("%q: taken by recover", token)
		}
	}
}

func TestRestore_NamesWhatLacksSpace(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/mine", "mine")
	root := Root{Path: "/data", Mount: dir}
	data, _ := archiveOf(t, ArchiveOptions{}, root)
	_, err := Restore(t.Context(), []Root{root}, RestoreOptions{Token: "s", Need: 1 << 60}, bytes.NewReader(data))
	if err == nil || !strings.Contains(err.Error(), "are free: make room") {
		t.Errorf("error: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(forge(&header{path: "data", kind: kindFolder}, &header{path: "data/x", kind: kindFile, link: "body"}))
	f.Add(forge(&header{path: "data/l", kind: kindLink, link: ".."}, &header{path: "data/h", kind: kindHard, link: "data/l", nsec: 5}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		put(t, dir+"/outside/secret", "secret")
		before := snapshot(t, dir+"/outside")
		if _, err := ExtractTo(t.Context(), dir+"/in", bytes.NewReader(data)); err != nil {
			if left, _ := os.ReadDir(dir + "/in"); len(left) > 0 {
				t.Fatalf("left %v after %v", left, err)
			}
		}
		if d := cmp.Diff(before, snapshot(t, dir+"/outside")); d != "" {
			t.Fatal(d)
		}
	})
}
