package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/status"
)

// answering is a data folder on whose control socket each path gets its answer, and everything else none.
func answering(t *testing.T, answers map[string]string) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "run", "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.Method+" "+r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			body = `{"title": "Not Found", "status": 404, "detail": "shop/cache is refused: label retention: first sentence; /api/runs lists them"}`
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return map[string]string{"SIMPLEDEPLOY_DATA_DIR": dir}
}

const cacheRefused = `{"problems": [{"severity": "problem", "project": "shop", "service": "cache", "job": "default", "label": "simpledeploy.backup.retention",
	"value": "daily:7", "why": "not a policy", "suggestion": "write daily=7"},
	{"severity": "warning", "project": "shop", "service": "db", "job": "default", "why": "only a warning"},
	{"severity": "problem", "project": "blog", "service": "db", "job": "default", "why": "somebody else"}]}`

// ran is the output and the exit code of one command.
func ran(t *testing.T, environ map[string]string, args ...string) (code int, out, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &o, err: &e, environ: environ}
	code = p.main(t.Context(), args)
	return code, o.String(), e.String()
}

func TestRun_OfAProjectWithARefusedJobNamesItAndEndsWithProblems(t *testing.T) {
	environ := answering(t, map[string]string{
		"POST /api/projects/shop/run":      `{"runs": ["r1"]}`,
		"POST /api/services/shop/db/run":   `{"runs": ["r1"]}`,
		"GET /api/problems":                cacheRefused,
		"GET /api/runs/r1/progress":        `{"id": "r1", "state": "succeeded", "done": true}`,
		"GET /api/runs/r1":                 `{"id": "r1", "project": "shop", "service": "db", "job": "default", "state": "succeeded", "artifacts": []}`,
		"POST /api/projects/blog/run":      `{"runs": []}`,
		"POST /api/services/shop/none/run": `{"runs": []}`,
	})
	const line = `problem: shop/cache/default: simpledeploy.backup.retention="daily:7": not a policy; write daily=7`
	for _, more := range [][]string{nil, {"--json"}, {"--detach"}} {
		code, out, stderr := ran(t, environ, append([]string{"run", "shop"}, more...)...)
		if code != exitProblems || strings.Count(stderr, line) != 1 || !strings.Contains(out, "r1") {
			t.Errorf("%v: exit code %d\n%s\n%s", more, code, out, stderr)
		}
		if strings.Contains(stderr, "somebody else") || strings.Contains(stderr, "only a warning") {
			t.Errorf("%v: tells what nobody asked for:\n%s", more, stderr)
		}
	}
	if code, out, stderr := ran(t, environ, "run", "shop/db"); code != exitOK || strings.Contains(stderr, "cache") {
		t.Errorf("a service that has no problem: exit code %d\n%s\n%s", code, out, stderr)
	}
}

func TestRun_OfARefusedJobTellsTheProblemOnceAndWithItsRemedy(t *testing.T) {
	code, _, stderr := ran(t, answering(t, map[string]string{"GET /api/problems": cacheRefused}), "run", "shop/cache")
	if code != exitFailed || strings.Count(stderr, "not a policy; write daily=7") != 1 || strings.Contains(stderr, "first sentence") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	// Where no problem explains it, the server's own sentence is told.
	code, _, stderr = ran(t, answering(t, map[string]string{"GET /api/problems": `{"problems": []}`}), "run", "shop/cache")
	if code != exitFailed || !strings.Contains(stderr, "first sentence") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

func TestUnpin_OfAnUnknownRunNamesTheCommandThatListsThem(t *testing.T) {
	for _, args := range [][]string{{"unpin", "xyz"}, {"history", "--run", "xyz"}} {
		code, _, stderr := ran(t, answering(t, nil), args...)
		if code != exitFailed || !strings.Contains(stderr, "no run xyz; simpledeploy-backup history lists them") {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
	}
}

func TestTellTrouble_SaysOncePerTargetWhyItHoldsNothing(t *testing.T) {
	var stderr bytes.Buffer
	p := &program{err: &stderr}
	due := []status.Artifact{{Target: "local", State: "present"}, {Target: "nas", State: "due", Error: "the folder is not there"}}
	p.tellTrouble([]status.Run{
		{Project: "shop", Service: "db", Job: "default", Artifacts: due, Warnings: []string{"the command is a pipe"}},
		{Project: "shop", Service: "app", Job: "default", Artifacts: due},
	})
	const want = "target nas: the folder is not there; the copy is tried again by itself until the target has it\n" +
		"warning: shop/db/default: the command is a pipe\n"
	if got := stderr.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrintAbsent_NamesTheCommandThatGivesAJobUp(t *testing.T) {
	environ := answering(t, map[string]string{
		"GET /api/plan":     `{"next": [{"job": "shop/old/default", "absent": true, "targets": []}]}`,
		"GET /api/problems": `{"problems": []}`,
		"GET /api/status":   `{"instance": "host"}`,
	})
	if code, out, stderr := ran(t, environ, "plan"); code != exitOK || !strings.Contains(out, "simpledeploy-backup prune shop/old/default --absent") {
		t.Errorf("exit code %d\n%s\n%s", code, out, stderr)
	}
}
