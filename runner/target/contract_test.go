package target_test

import (
	"testing"

	_ "github.com/rclone/rclone/backend/alias"
	_ "github.com/rclone/rclone/backend/crypt"
	_ "github.com/rclone/rclone/backend/memory"
	_ "github.com/rclone/rclone/backend/s3"
	_ "github.com/rclone/rclone/backend/sftp"
	_ "github.com/rclone/rclone/backend/webdav"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/target/targettest"
)

func TestContract_Local(t *testing.T) {
	targettest.Run(t, func(t *testing.T) *target.Target { return targettest.Open(t, t.TempDir()) })
}

func TestContract_Memory(t *testing.T) {
	targettest.Run(t, func(t *testing.T) *target.Target { return targettest.Open(t, ":memory:bucket/backups") })
}

func TestContract_S3(t *testing.T) {
	server := targettest.StartS3(t)
	server.Remote(t, "tests3", server.Addr)
	targettest.Run(t, func(t *testing.T) *target.Target { return targettest.Open(t, "tests3:bucket/backups") })
}

func TestContract_SFTP(t *testing.T) {
	server := targettest.StartSFTP(t)
	server.Remote(t, "testsftp", server.Addr)
	targettest.Run(t, func(t *testing.T) *target.Target { return targettest.Open(t, "testsftp:"+server.Dir+"/backups") })
}

func TestContract_WebDAV(t *testing.T) {
	server := targettest.StartWebDAV(t)
	for _, vendor := range []string{"rclone", "other"} { // one with streams, one without
		t.Run(vendor, func(t *testing.T) {
			server.Remote(t, "testdav", vendor, server.Addr)
			targettest.Run(t, func(t *testing.T) *target.Target { return targettest.Open(t, "testdav:"+vendor+"/backups") })
		})
	}
}

// A remote that wraps another one has other names and no hashes.
func TestContract_CryptOverLocal(t *testing.T) {
	targettest.Run(t, func(t *testing.T) *target.Target {
		t.Setenv("RCLONE_CONFIG_TESTCRYPT_TYPE", "crypt")
		t.Setenv("RCLONE_CONFIG_TESTCRYPT_REMOTE", t.TempDir())
		t.Setenv("RCLONE_CONFIG_TESTCRYPT_PASSWORD", "9zLWBEcdPNuYyMGIn6r8aNxKNRm4pVqC") // obscured by rclone
		s := targettest.Open(t, "testcrypt:backups")
		if !s.Local() {
			t.Error("a remote that encrypts into a folder of this machine is local")
		}
		return s
	})
}
