package target_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/target/targettest"
)

func TestLocal_FoldersAndFilesAreTheOwnersAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "backups")
	s := targettest.Open(t, dir)
	for name, size := range map[string]int{"small": 10, "large": 3 << 20} {
		k := someKey()
		k.Job = name
		if _, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(size)), target.PutOptions{Size: -1}); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s is %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What a crash in mid-upload leaves is never under the final name, and is removed later.
func TestLocal_KeyIsNotVisibleBeforeItIsWhole(t *testing.T) {
	dir := t.TempDir()
	s, k := targettest.Open(t, dir), someKey()
	path := filepath.Join(dir, filepath.FromSlash(k.String()))
	var during []byte
	look := func() {
		if _, err := os.Stat(path); err == nil {
			t.Error("the key is there before its object is whole")
		}
		var err error
		if during, err = os.ReadFile(path + ".partial"); err != nil {
			t.Error(err)
		}
	}
	stream := targettest.Resumed(targettest.Data(5<<20), look, targettest.Data(1<<20))
	if _, err := s.Put(t.Context(), k.String(), stream, target.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	if len(during) == 0 {
		t.Error("nothing was written meanwhile")
	}

	crashed := k
	crashed.RunID = "01k3z9q7w2m4n6p9"
	left := filepath.Join(dir, filepath.FromSlash(crashed.String())) + ".partial"
	if err := os.WriteFile(left, during, 0o600); err != nil {
		t.Fatal(err)
	}
	if objects, err := s.List(t.Context(), k.Folder()); err != nil || len(objects) != 1 {
		t.Errorf("a partial upload is listed: %v, %v", objects, err)
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), crashed.RunID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left is still there: %v", err)
	}
}

func TestLocal_FreeSpace(t *testing.T) {
	dir := t.TempDir()
	free, known, err := targettest.Open(t, dir+"/not/yet/there").Free(t.Context())
	if err != nil || !known || free <= 0 {
		t.Errorf("%d, %v, %v", free, known, err)
	}
	set, err := target.Load(t.Context(), target.Config{LocalDir: dir, MinFree: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("local")
	_, err = s.Put(t.Context(), someKey().String(), strings.NewReader("x"), target.PutOptions{Size: -1})
	if !errors.Is(err, target.ErrNoSpace) || !strings.Contains(err.Error(), "SIMPLEDEPLOY_MIN_FREE") || target.IsRetryable(err) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Put(t.Context(), someKey().String()+target.ManifestSuffix, strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
		t.Errorf("a manifest found no room: %v", err)
	}
}

func TestLocal_FullDisk(t *testing.T) {
	dir := tmpfs(t, "size=4m")
	s, k := targettest.Open(t, dir), someKey()
	for _, size := range []int64{-1, 16 << 20} {
		_, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(16<<20)), target.PutOptions{Size: size})
		if !errors.Is(err, target.ErrNoSpace) || target.IsRetryable(err) {
			t.Errorf("put of %d on a full disk: %v", size, err)
		}
		if objects, err := s.List(t.Context(), k.Folder()); err != nil || len(objects) > 0 {
			t.Errorf("on the full disk: %v, %v", objects, err)
		}
	}
	if _, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(2<<20)), target.PutOptions{Size: -1}); err != nil {
		t.Errorf("the failed ones left something: %v", err)
	}
}

func TestLocal_ReadOnly(t *testing.T) {
	dir := tmpfs(t, "size=1m,ro")
	s := targettest.Open(t, dir+"/backups")
	if _, err := s.Put(t.Context(), someKey().String(), strings.NewReader("x"), target.PutOptions{Size: -1}); err == nil || target.IsRetryable(err) {
		t.Errorf("put: %v", err)
	}
}

func TestLocal_PermissionDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere: run the tests as another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	s := targettest.Open(t, dir)
	_, err := s.Put(t.Context(), someKey().String(), strings.NewReader("x"), target.PutOptions{Size: -1})
	if !errors.Is(err, os.ErrPermission) || target.IsRetryable(err) {
		t.Errorf("put: %v", err)
	}
}

func TestLocal_FileWhereTheFolderShouldBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := targettest.Open(t, file)
	if _, err := s.Put(t.Context(), someKey().String(), strings.NewReader("x"), target.PutOptions{Size: -1}); err == nil {
		t.Error("a file was taken for the target's folder")
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("something was written beside it: %v, %v", entries, err)
	}
}

// An object that was cut while it lay there is told by its manifest's sum; one that ends early while it is read, here.
func TestLocal_ObjectThatShrinksWhileItIsRead(t *testing.T) {
	dir := t.TempDir()
	s, k := targettest.Open(t, dir), someKey()
	if _, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(3<<20)), target.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Open(t.Context(), k.String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(filepath.Join(dir, filepath.FromSlash(k.String())), 1<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read: %v", err)
	}
}

func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, strings.TrimSuffix(options, ",ro")); err != nil {
		t.Skipf("a small disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	if strings.HasSuffix(options, ",ro") {
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestClaim_SeveralRunsAtOnceOnANewFolder(t *testing.T) {
	to := targettest.Open(t, filepath.Join(t.TempDir(), "backups"))
	var claims errgroup.Group
	for range 16 {
		claims.Go(func() error { return to.Claim(t.Context(), "host", "store", false) })
	}
	if err := claims.Wait(); err != nil {
		t.Error(err)
	}
}
