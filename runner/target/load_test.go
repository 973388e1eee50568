package target_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/target"
)

func TestLoad_NamesEveryErrorAtOnce(t *testing.T) {
	_, err := target.Load(t.Context(), target.Config{Paths: map[string]string{
		"offsite": "nowhere:bucket", "nas": "relative/folder", "empty": "", "good": t.TempDir(),
		"odd": ":nosuchbackend:x",
	}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"target offsite:", "RCLONE_CONFIG_NOWHERE_TYPE", "target nas:", "absolute path", "target empty:", "target odd:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "target good") {
		t.Errorf("the good one is named: %v", err)
	}
}

func TestLoad_BuiltInAndConfigured(t *testing.T) {
	dir := t.TempDir()
	set, err := target.Load(t.Context(), target.Config{
		LocalDir: filepath.Join(dir, "backups"), Paths: map[string]string{"nas": filepath.Join(dir, "nas"), "mem": ":memory:x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"local", "mem", "nas"}, set.Names()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{"local": true, "nas": true, "mem": false} {
		s, ok := set.Get(name)
		if !ok || s.Local() != want || s.Name() != name {
			t.Errorf("%s: found %v, local %v", name, ok, s.Local())
		}
	}
	if _, ok := set.Get("other"); ok {
		t.Error("a target that nobody defined was found")
	}
}

// A target of that name takes the built-in one's place.
func TestLoad_LocalCanBeMoved(t *testing.T) {
	dir := t.TempDir()
	set, err := target.Load(t.Context(), target.Config{LocalDir: "/nowhere", Paths: map[string]string{"local": dir}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("local")
	if _, err := s.Put(t.Context(), "host/x", strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "host", "x")); err != nil {
		t.Error(err)
	}
}

func TestLoad_RcloneConfigurationFile(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "rclone.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(files ...string) error {
		_, err := target.Load(t.Context(), target.Config{ConfigFiles: files, Paths: map[string]string{"a": "fromfile:x"}})
		return err
	}
	good := write("[fromfile]\ntype = memory\n")
	if err := load("/nowhere/rclone.conf", good); err != nil {
		t.Errorf("the first file that exists was not used: %v", err)
	}
	if err := load("/nowhere/rclone.conf"); err == nil {
		t.Error("the remote of a file that is not used any more is still known")
	}
	// rclone itself ends the process on these, or asks the terminal for a password.
	if err := load(write("type = memory\nnonsense")); err == nil {
		t.Error("a broken file was accepted")
	}
	err := load(write("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n" + strings.Repeat("QUJD", 40) + "\n"))
	if err == nil || !strings.Contains(err.Error(), "RCLONE_CONFIG_PASS") {
		t.Errorf("an encrypted file without its password: %v", err)
	}
	t.Setenv("RCLONE_CONFIG", good)
	if err := load(write("broken")); err != nil {
		t.Errorf("RCLONE_CONFIG does not come first: %v", err)
	}
	t.Setenv("RCLONE_CONFIG", "/nowhere/rclone.conf")
	if err := load(good); err == nil {
		t.Error("RCLONE_CONFIG names a file that is not there, and nobody said so")
	}
}

func TestLoad_BadSettings(t *testing.T) {
	if _, err := target.Load(t.Context(), target.Config{Bandwidth: "very fast"}); err == nil || !strings.Contains(err.Error(), "very fast") {
		t.Errorf("bandwidth: %v", err)
	}
	t.Setenv("RCLONE_BUFFER_SIZE", "large")
	if _, err := target.Load(t.Context(), target.Config{}); err == nil || !strings.Contains(strings.ToLower(err.Error()), "rclone_") {
		t.Errorf("a bad RCLONE_ variable: %v", err)
	}
}

// A dry run pretends: with it every backup would be a lie.
func TestLoad_DryRunDoesNotCount(t *testing.T) {
	t.Setenv("RCLONE_DRY_RUN", "true")
	set, err := target.Load(t.Context(), target.Config{LocalDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("local")
	if _, err := s.Put(t.Context(), "host/x", strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "host/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "host/x"); err == nil {
		t.Error("removing was only pretended")
	}
}

func TestLoad_RoutesRclonesLog(t *testing.T) {
	var log bytes.Buffer
	t.Setenv("RCLONE_LOG_LEVEL", "DEBUG")
	set, err := target.Load(t.Context(), target.Config{
		LocalDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("local")
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "Creating backend") {
		t.Errorf("rclone's log did not arrive: %q", log.String())
	}
}

func TestList_FolderThatIsNotThereYetIsNoErrorInTheLog(t *testing.T) {
	var log bytes.Buffer
	set, err := target.Load(t.Context(), target.Config{LocalDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := set.Get("local")
	objects, err := s.List(t.Context(), "host/project/service/job/")
	if err != nil || len(objects) > 0 {
		t.Errorf("%v, %v", objects, err)
	}
	if strings.Contains(log.String(), "not found") {
		t.Errorf("the log: %s", log.String())
	}
	if _, err := s.Put(t.Context(), "host/project/service/job/a", strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	if objects, err = s.List(t.Context(), "host/project/service/job/"); err != nil || len(objects) != 1 {
		t.Errorf("%v, %v", objects, err)
	}
}
