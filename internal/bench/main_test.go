package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func TestSources_GiveTheSameBytesOnEveryMachine(t *testing.T) {
	for name, tt := range map[string]struct {
		source io.Reader
		want   string
	}{
		"noise": {newNoise(1), "6fb441358a330cf5"},
		"log":   {newLog(20260101), "ee4a8e0937a0f26d"},
	} {
		t.Run(name, func(t *testing.T) {
			sum := sha256.New()
			if _, err := io.CopyN(sum, tt.source, mib); err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != tt.want {
				t.Errorf("digest of the first MiB is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSources_CompressAsRealDataDoes(t *testing.T) {
	ratio := func(r io.Reader) float64 {
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, r, 4*mib); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return 4 * mib / float64(out.Len())
	}
	if got := ratio(newNoise(1)); got > 1.01 {
		t.Errorf("noise compresses %.2f:1", got)
	}
	if got := ratio(newLog(1)); got < 2 || got > 5 {
		t.Errorf("log lines compress %.2f:1, want about 3:1", got)
	}
}

func TestRows_AreWholeAndTabSeparated(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"sql", "1"}, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for i, line := range lines {
		if strings.Count(line, "\t") != 3 || strings.Contains(line, "\\") {
			t.Fatalf("row %d cannot be copied: %q", i, line)
		}
	}
	if out.Len() < mib {
		t.Errorf("%d bytes, want at least one MiB", out.Len())
	}
}

func TestInNewFolder_RefusesOneThatExistsAndFixesTimes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	fill := func(dir string) error { return writeFile(filepath.Join(dir, "a", "b"), newNoise(1), 10) }
	if err := inNewFolder(dir, fill); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); !info.ModTime().Equal(want) {
		t.Errorf("time is %v, want %v", info.ModTime(), want)
	}
	if err := inNewFolder(dir, fill); err == nil {
		t.Error("a folder that exists was filled")
	}
}
