package filetree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const crashEnv = "FILETREE_TEST_KILL_AT"

// scene is two volumes and one single path that are about to be restored.
type scene struct {
	dir, archive string
	roots        []Root
}

var crashExclude = []string{"*.log", "stay"}

// newScene makes the archived state, archives it, and changes everything.
func newScene(t *testing.T) scene {
	t.Helper()
	s := scene{dir: t.TempDir()}
	s.archive = s.dir + "/archive.tar"
	s.roots = []Root{
		{Path: "/a", Mount: s.dir + "/a"}, {Path: "/b", Mount: s.dir + "/b"}, {Path: "/c/one", Mount: s.dir + "/c", Sub: "one"},
	}
	for _, f := range []string{"a/1", "a/sub/2", "a/both/3", "b/4", "b/5", "c/one"} {
		put(t, filepath.Join(s.dir, f), "archived "+f)
	}
	must(t, os.Chmod(s.dir+"/a", 0o750))
	setTime(t, s.dir+"/a", 1_111, 111)
	data, _ := archiveOf(t, ArchiveOptions{Exclude: crashExclude}, s.roots...)
	must(t, os.WriteFile(s.archive, data, 0o600))

	must(t, os.RemoveAll(s.dir+"/a/sub"))
	for _, f := range []string{"a/1", "a/new", "a/both/new", "b/6", "c/one", "c/beside"} {
		put(t, filepath.Join(s.dir, f), "now "+f)
	}
	for _, f := range []string{"a/x.log", "a/both/y.log", "a/both/stay/z", "a/gone/deep/w.log", "b/stay/v"} {
		put(t, filepath.Join(s.dir, f), "kept "+f)
	}
	must(t, os.Chmod(s.dir+"/a", 0o700))
	setTime(t, s.dir+"/a", 2_222, 222)
	return s
}

func (s scene) restore(t *testing.T, step func(string) error) error {
	t.Helper()
	data, err := os.ReadFile(s.archive)
	must(t, err)
	_, err = Restore(t.Context(), s.roots, RestoreOptions{Token: "crash", Exclude: crashExclude, step: step}, bytes.NewReader(data))
	return err
}

// state leaves out the times of what tests create anew, and the root's, which no rename and no journal can keep in
// the last instant.
func (s scene) state(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, v := range []string{"a", "b", "c"} {
		for name, line := range snapshot(t, filepath.Join(s.dir, v), "root-time") {
			head, rest, _ := strings.Cut(line, " mtime=")
			_, rest, _ = strings.Cut(rest, " ")
			out[v+"/"+name] = head + " " + rest
		}
	}
	return out
}

// TestKilledRestore is the child process that is killed; alone it does nothing.
func TestKilledRestore(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv(crashEnv))
	if err != nil {
		t.Skip("is run by another test")
	}
	dir := os.Getenv(crashEnv + "_DIR")
	s := scene{dir: dir, archive: dir + "/archive.tar", roots: []Root{
		{Path: "/a", Mount: dir + "/a"}, {Path: "/b", Mount: dir + "/b"}, {Path: "/c/one", Mount: dir + "/c", Sub: "one"},
	}}
	n := 0
	err = s.restore(t, func(what string) error {
		if n++; n == at {
			fmt.Println("killed before: " + what)
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		}
		return nil
	})
	must(t, err)
}

func TestRecover_KilledAtEveryStep(t *testing.T) {
	want := newScene(t)
	old := want.state(t)
	must(t, want.restore(t, nil))
	restored := want.state(t)
	if _, ok := restored["a/gone/deep/w.log"]; !ok || restored["a/new"] != "" {
		t.Fatalf("unexpected restored state: %v", restored)
	}
	undone, finished := 0, 0
	for at := 1; ; at++ {
		s := newScene(t)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledRestore$")
		cmd.Env = append(os.Environ(), crashEnv+"="+strconv.Itoa(at), crashEnv+"_DIR="+s.dir)
		out, err := cmd.CombinedOutput()
		if err == nil {
			if undone == 0 || finished < 10 {
				t.Errorf("%d crashes undone, %d finished", undone, finished)
			}
			return
		}
		if !strings.Contains(string(out), "killed before") {
			t.Fatalf("child: %v\n%s", err, out)
		}
		for range 2 { // a second time changes nothing
			if err := Recover(t.Context(), s.roots, "crash"); err != nil {
				t.Fatalf("%s: recover: %v", out, err)
			}
		}
		switch got := s.state(t); {
		case cmp.Equal(old, got):
			undone++
			if finished > 0 {
				t.Errorf("%s: undone although an earlier crash was finished", out)
			}
		case cmp.Equal(restored, got):
			finished++
		default:
			t.Errorf("%s: neither old nor new (-old +got):\n%s\n(-new +got):\n%s", out, cmp.Diff(old, got), cmp.Diff(restored, got))
		}
	}
}

func TestRestore_StepThatFailsIsUndone(t *testing.T) {
	for at := 1; ; at++ {
		s := newScene(t)
		old := s.state(t)
		broken, n, last := errors.New("input/output error"), 0, ""
		err := s.restore(t, func(what string) error {
			if n++; n == at {
				last = what
				return broken
			}
			return nil
		})
		if strings.HasSuffix(last, " remove") || last == "" { // all is swapped by now
			must(t, err)
			if last == "" {
				return
			}
			continue
		}
		if !errors.Is(err, broken) {
			t.Fatalf("%s: error %v", last, err)
		}
		if d := cmp.Diff(old, s.state(t)); d != "" {
			t.Errorf("%s: not as it was (-before +after):\n%s", last, d)
		}
	}
}

func TestRestore_BrokenInputTouchesNothing(t *testing.T) {
	withheld := errors.New("stored hash differs")
	s := newScene(t)
	setTime(t, s.dir+"/b", 3_333, 3)
	before := snapshot(t, s.dir)
	data, err := os.ReadFile(s.archive)
	must(t, err)
	for name, r := range map[string]*brokenReader{
		"error in place of EOF":      {data: data, err: withheld},
		"cut short":                  {data: data[:len(data)-700], err: nil},
		"lacks the second end block": {data: data[:len(data)-blockSize], err: nil},
		"something follows":          {data: append(bytes.Clone(data), "more"...), err: nil},
		"empty":                      {},
		"only an end":                {data: make([]byte, 1024)},
	} {
		_, err := Restore(t.Context(), s.roots, RestoreOptions{Token: "crash", Exclude: crashExclude}, r)
		if err == nil || r.err != nil && !errors.Is(err, withheld) {
			t.Errorf("%s: error %v", name, err)
		}
		if d := cmp.Diff(before, snapshot(t, s.dir)); d != "" {
			t.Errorf("%s: changed (-before +after):\n%s", name, d)
		}
	}
}

type brokenReader struct {
	data []byte
	err  error
}

func (b *brokenReader) Read(p []byte) (int, error) {
	if len(b.data) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}
