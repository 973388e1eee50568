package status_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/status"
)

// socketDir is short: a socket's path has room for about a hundred bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") //nolint:usetesting // a test's own folder has too long a path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "control.sock")
}

// serve runs a server on a socket until the test ends and returns once it answers.
func (w *world) serve(socket string) (*status.Client, func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.server().Serve(ctx, "127.0.0.1:0", socket) }()
	client := status.NewClient(socket)
	w.t.Cleanup(client.Close)
	for {
		if _, err := client.Alive(ctx); err == nil {
			break
		}
		select {
		case err := <-ended:
			cancel()
			w.t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop := func() error {
		cancel()
		client.Close()
		return <-ended
	}
	return client, stop
}

func TestClient_EveryRouteOverTheSocket(t *testing.T) {
	w := newWorld(t)
	w.populate()
	socket := socketDir(t)
	c, stop := w.serve(socket)
	ctx := t.Context()
	info, err := os.Lstat(socket)
	w.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, want 0600", info.Mode().Perm())
	}
	check := func(name string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.Ready(ctx)
	check("ready", err)
	_, err = c.Health(ctx)
	check("health", err)
	st, err := c.Status(ctx)
	check("status", err)
	if st.Totals.Jobs != 6 || len(st.RecentRuns) != 20 {
		t.Errorf("status: %+v", st.Totals)
	}
	_, err = c.Services(ctx)
	check("services", err)
	jobs, err := c.Jobs(ctx, true)
	check("jobs", err)
	if len(jobs.Jobs) != 7 {
		t.Errorf("%d jobs, want 7 with the absent one", len(jobs.Jobs))
	}
	_, err = c.Job(ctx, "shop", "db", "default")
	check("job", err)
	_, err = c.Runs(ctx, status.Query{Project: "shop", State: "succeeded", Since: noon.Add(-48 * time.Hour), Limit: 3})
	check("runs", err)
	_, err = c.Restores(ctx, status.Query{Kind: "ignored"})
	check("restores", err)
	_, err = c.Targets(ctx)
	check("targets", err)
	_, err = c.Problems(ctx)
	check("problems", err)
	_, err = c.Events(ctx, status.Query{State: "ignored"})
	check("events", err)
	_, err = c.Plan(ctx)
	check("plan", err)
	_, err = c.DBStatus(ctx)
	check("db status", err)
	ids, err := c.StartRun(ctx, runner.RunRequest{Project: "shop", Service: "db", Job: "default"})
	check("start run", err)
	_, err = c.RunProgress(ctx, ids.Runs[0])
	check("progress", err)
	_, err = c.Keep(ctx, runID("sd", 2))
	check("keep", err)
	_, err = c.Unpin(ctx, runID("sd", 2))
	check("unpin", err)
	_, err = c.StartRestore(ctx, status.RestoreRequest{Project: "shop", Service: "db"})
	check("restore", err)
	_, err = c.PlanRestore(ctx, status.RestoreRequest{Project: "shop", Service: "db"})
	check("restore plan", err)
	_, err = c.GroupRuns(ctx, status.Query{Project: "shop", Group: "nightly", Service: "ignored"})
	check("group runs", err)
	_, err = c.StartGroupRestore(ctx, "0group", status.GroupRestoreRequest{Project: "shop"})
	check("restore a group", err)
	_, err = c.PlanGroupRestore(ctx, "0group", status.GroupRestoreRequest{})
	check("plan of a group's restore", err)
	_, err = c.Prune(ctx, status.PruneRequest{DryRun: true})
	check("prune", err)
	h, err := c.PauseFor(ctx, "2h")
	check("pause", err)
	if h.Paused != "2026-11-21T14:00:00Z" {
		t.Errorf("paused until %q", h.Paused)
	}
	_, err = c.Resume(ctx)
	check("resume", err)
	test, err := c.TestTarget(ctx, "offsite")
	check("target test", err)
	if test.OK || test.Error == "" {
		t.Errorf("a dead target: %+v", test)
	}
	_, err = c.Adopt(ctx, "local")
	check("adopt", err)
	check("stop", stop())
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestClient_RefusalsKeepTheirReason(t *testing.T) {
	w := newWorld(t)
	w.runner.err = &runner.RefusedError{Why: "job shop/db/default: refused"}
	c, _ := w.serve(socketDir(t))
	_, err := c.StartRun(t.Context(), runner.RunRequest{Project: "shop"})
	var api *status.APIError
	if !errors.As(err, &api) || api.Status != 409 || err.Error() != "job shop/db/default: refused" {
		t.Errorf("got %v", err)
	}
}

func TestClient_NoServerSaysWhatToDo(t *testing.T) {
	socket := socketDir(t)
	for _, name := range []string{"no socket", "a socket that nobody listens on"} {
		t.Run(name, func(t *testing.T) {
			if name != "no socket" {
				leaveSocket(t, socket)
			}
			_, err := status.NewClient(socket).Status(t.Context())
			if !errors.Is(err, status.ErrNotRunning) || !strings.Contains(err.Error(), "simpledeploy-backup serve") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// leaveSocket leaves a socket behind as a killed process does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestServe_ReplacesASocketThatAKilledProcessLeft(t *testing.T) {
	w := newWorld(t)
	socket := socketDir(t)
	leaveSocket(t, socket)
	leaveSocket(t, socket+".new")
	_, stop := w.serve(socket)
	w.must(stop())
}

func TestServe_LeavesASocketThatStillAnswers(t *testing.T) {
	w := newWorld(t)
	socket := socketDir(t)
	c, _ := w.serve(socket)
	err := w.server().Serve(t.Context(), "", socket)
	if err == nil || !strings.Contains(err.Error(), "another server answers") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Alive(t.Context()); err != nil {
		t.Errorf("the first server lost its socket: %v", err)
	}
}

func TestServe_LeavesAFileThatIsNoSocket(t *testing.T) {
	w := newWorld(t)
	socket := socketDir(t)
	w.must(os.MkdirAll(filepath.Dir(socket), 0o700))
	w.must(os.WriteFile(socket, []byte("mine"), 0o600))
	if err := w.server().Serve(t.Context(), "", socket); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(socket); err != nil || string(data) != "mine" {
		t.Errorf("the file was touched: %q %v", data, err)
	}
}

func TestServe_APortInUseOpensNoDoor(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer l.Close()
	socket := socketDir(t)
	if err := w.server().Serve(t.Context(), l.Addr().String(), socket); err == nil || !strings.Contains(err.Error(), "SIMPLEDEPLOY_LISTEN") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket stayed: %v", err)
	}
}

func TestServe_APathTooLongForASocketIsNamed(t *testing.T) {
	w := newWorld(t)
	err := w.server().Serve(t.Context(), "", filepath.Join(t.TempDir(), strings.Repeat("x", 120), "control.sock"))
	if err == nil || !strings.Contains(err.Error(), "SIMPLEDEPLOY_DATA_DIR") {
		t.Errorf("got %v", err)
	}
}
