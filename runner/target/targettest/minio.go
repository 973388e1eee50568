package targettest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// S3 is a MinIO server of the test's own.
type S3 struct {
	Addr, Dir         string
	AccessKey, Secret string
}

// StartS3 starts MinIO on loopback with an empty folder, or skips the test where there is none.
func StartS3(t *testing.T) *S3 {
	t.Helper()
	skipShort(t)
	binary := os.Getenv("TEST_MINIO")
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("minio"); err != nil {
			t.Skip("no S3 server: run the tests with `make test`, or set TEST_MINIO to a minio binary")
		}
	}
	s := &S3{Addr: freeAddr(t), Dir: t.TempDir(), AccessKey: "backup", Secret: "backup-secret"}
	cmd := exec.CommandContext(t.Context(), binary, "server", "--quiet", "--address", s.Addr, filepath.Join(s.Dir, "data"))
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.Secret,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "HOME="+s.Dir)
	start(t, cmd)
	Wait(t, "MinIO", func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/", nil)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusForbidden // 503 while it does not know its users yet, whatever its health says
	})
	return s
}

// Remote defines the server as an rclone remote of that name, reached at addr (the server's own or a Line's).
func (s *S3) Remote(t *testing.T, name, addr string) {
	t.Helper()
	define(t, name, map[string]string{
		"type": "s3", "provider": "Minio", "endpoint": "http://" + addr, "access_key_id": s.AccessKey,
		"secret_access_key": s.Secret, "region": "us-east-1",
	})
}

// start runs a server and ends it with the test.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s says:\n%.4000s", cmd.Path, b)
		}
	})
}

// Wait asks until the answer is yes.
func Wait(t *testing.T, what string, ready func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come up", what)
		case <-tick.C:
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
