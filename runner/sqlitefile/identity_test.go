package sqlitefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func ownerOf(t *testing.T, path string) (uid, gid uint32, mode os.FileMode) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no owner is told")
	}
	return sys.Uid, sys.Gid, st.Mode().Perm()
}

// ownedDatabase is a WAL database of user 1234 that nobody has open, in a folder of the given owner.
func ownedDatabase(t *testing.T, folderOwner int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as others")
	}
	dir, err := os.MkdirTemp("", "owned") //nolint:usetesting // t.TempDir lies in a folder that only root may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "app.db")
	conn, end, err := connect(t.Context(), uri(path, "_pragma=journal_mode(WAL)"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE t(x)"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(end(), os.Chown(dir, folderOwner, folderOwner), os.Chown(path, 1234, 1235), os.Chmod(path, 0o640), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// whileOpen opens the database with do and looks at what SQLite keeps beside it meanwhile.
func whileOpen(t *testing.T, path string) func() error {
	return func() error {
		conn, end, err := connect(t.Context(), uri(path, append([]string{"mode=rw"}, common...)...))
		if err != nil {
			return err
		}
		defer end()
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
			return err
		}
		for _, side := range []string{"-wal", "-shm"} {
			if uid, gid, mode := ownerOf(t, path+side); uid != 1234 || gid != 1235 || mode != 0o640 {
				t.Errorf("%s belongs to %d:%d, mode %o", side, uid, gid, mode)
			}
		}
		return nil
	}
}

func TestAs_TheOwnerOwnsWhatComesBesideHisFile(t *testing.T) {
	path := ownedDatabase(t, 1234)
	if err := as(1234, 1235, whileOpen(t, path)); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 || os.Getegid() != 0 {
		t.Fatalf("still %d:%d", os.Geteuid(), os.Getegid())
	}
	secret := filepath.Join(t.TempDir(), "root only")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := as(1234, 1235, func() error {
		_, err := os.ReadFile(secret)
		return err
	})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("root's file read as another: %v", err)
	}
	if _, err := os.ReadFile(secret); err != nil {
		t.Errorf("not root again: %v", err)
	}
}

func TestAs_RootGivesTheOwnerWhatSQLiteMakes(t *testing.T) {
	path := ownedDatabase(t, 0)
	if err := as(1234, 1235, whileOpen(t, path)); codeOf(err) != codeReadOnly {
		t.Errorf("a folder that the owner may not write to: %v", err)
	}
	if err := whileOpen(t, path)(); err != nil {
		t.Error(err)
	}
}
