package helper_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/frame"
	"github.com/simpledeploy/backup/runner/helper"
)

// call serves one operation over a Unix socket, as the appliance does.
func call(t *testing.T, req frame.Request, stdin io.Reader, stdout io.Writer) (filetree.Summary, error) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- helper.Run(t.Context(), []string{"-socket", socket}, nil, nil) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var s filetree.Summary
	err = frame.Call(t.Context(), conn, req, stdin, stdout, &s)
	if helperErr := <-served; (err == nil) != (helperErr == nil) {
		t.Errorf("the caller got %v, the helper %v", err, helperErr)
	}
	return s, err
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestRun_ArchivesRestoresAndRecovers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a/b", "1")
	write(t, dir+"/a/x.log", "1")
	roots := []frame.Root{{Path: "/data", Mount: dir}}
	args := []byte(`{"token":"t1","exclude":["*.log"]}`)
	var archive bytes.Buffer
	made, err := call(t, frame.Request{Op: "archive", Args: args, Roots: roots}, nil, &archive)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/a/b", "2")
	write(t, dir+"/c", "2")

	why := errors.New("the stored hash differs")
	_, err = call(t, frame.Request{Op: "restore", Args: args, Roots: roots}, io.MultiReader(bytes.NewReader(archive.Bytes()), failing{why}), nil)
	if !errors.Is(err, why) {
		t.Errorf("withheld end: %v", err)
	}
	if b, _ := os.ReadFile(dir + "/a/b"); string(b) != "2" {
		t.Error("a restore whose input was broken touched the files")
	}
	back, err := call(t, frame.Request{Op: "restore", Args: args, Roots: roots}, bytes.NewReader(archive.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if back.Entries != made.Entries || back.Bytes != made.Bytes || back.Digest == "" {
		t.Errorf("archived %+v, restored %+v", made, back)
	}
	var names []string
	left, err := filepath.Glob(dir + "/*/*")
	for _, n := range left {
		names = append(names, strings.TrimPrefix(n, dir))
	}
	if d := cmp.Diff([]string{"/a/b", "/a/x.log"}, names); d != "" || err != nil {
		t.Errorf("after the restore (-want +got):\n%s %v", d, err)
	}
	if _, err := call(t, frame.Request{Op: "recover", Args: args, Roots: roots}, nil, nil); err != nil {
		t.Errorf("nothing to recover: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestRun_RefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{{"-sockte", "x"}, {"archive"}, {"-socket", "/nowhere/at/all"}} {
		if err := helper.Run(t.Context(), args, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if _, err := call(t, frame.Request{Op: "format"}, nil, nil); err == nil || !strings.Contains(err.Error(), "unknown operation") {
		t.Errorf("unknown operation: %v", err)
	}
	if _, err := call(t, frame.Request{Op: "archive", Args: []byte(`{"token":1}`)}, nil, nil); err == nil || !strings.Contains(err.Error(), "arguments") {
		t.Errorf("bad arguments: %v", err)
	}
}
