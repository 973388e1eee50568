package targettest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
)

// SFTP is an OpenSSH server of the test's own.
type SFTP struct {
	Addr, Dir string
	user, key string
}

// StartSFTP starts sshd on loopback with its own keys and configuration, or skips the test where there is none.
func StartSFTP(t *testing.T) *SFTP {
	t.Helper()
	skipShort(t)
	sshd := findSSHD(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &SFTP{Addr: freeAddr(t), Dir: filepath.Join(dir, "files"), user: me.Username, key: filepath.Join(dir, "client")}
	host := filepath.Join(dir, "host")
	for _, key := range []string{host, s.key} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(s.Addr)
	config := filepath.Join(dir, "sshd_config")
	text := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s.pub\nStrictModes no\n"+
		"UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nMaxStartups 100\nSubsystem sftp internal-sftp\n", port, host, s.key)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd's privilege separation wants it
			t.Fatal(err)
		}
	}
	start(t, exec.CommandContext(t.Context(), sshd, "-D", "-e", "-f", config))
	Wait(t, "sshd", func(ctx context.Context) bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}

func findSSHD(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if found, err := exec.LookPath(path); err == nil {
			if abs, err := filepath.Abs(found); err == nil { // sshd refuses to be run by a relative path
				return abs
			}
		}
	}
	t.Skip("no SFTP server: install OpenSSH's sshd (Debian: openssh-server)")
	return ""
}

// Remote defines the server as an rclone remote of that name, reached at addr (the server's own or a Line's).
func (s *SFTP) Remote(t *testing.T, name, addr string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	define(t, name, map[string]string{
		"type": "sftp", "host": host, "port": port, "user": s.user, "key_file": s.key, "shell_type": "none",
		"idle_timeout": "0", // its timer would read rclone's global settings while a later test loads them anew
	})
}
