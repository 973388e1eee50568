package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/simpledeploy/backup/runner/target"
)

// exits runs our command and compares its exit code: exits 3 check compose.yaml
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("simpledeploy-backup", args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// storeBackup puts a backup where the built-in target keeps them: backup volume|postgres RUN DAY
// An object that says "broken" has a byte changed after its hash was taken; "group=ID" makes it part of a group run.
func storeBackup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: backup volume|postgres RUN DAY [broken|group=ID]")
	}
	kind, run := args[0], args[1]
	day, err := time.Parse("2006-01-02", args[2])
	ts.Check(err)
	raw, extension := tarOf(ts), ".tar"
	if kind == "postgres" {
		raw, extension = []byte(ts.ReadFile("dump.sql")), ".sql"
	}
	stored := compressed(ts, raw)
	m := manifestFor(kind, run, extension, day, raw, stored)
	m.Proof = proofOf(ts, kind, raw)
	if id, grouped := strings.CutPrefix(args[len(args)-1], "group="); grouped {
		m.Group, m.GroupRun, m.GroupMembers = "nightly", id, []string{"shop/postgres/default", "shop/volume/default"}
		args = args[:len(args)-1]
	}
	if len(args) > 3 {
		stored = append([]byte{}, stored...)
		stored[len(stored)/2] ^= 1
	}
	encoded, err := m.Encode()
	ts.Check(err)
	for key, content := range map[string][]byte{m.Key: stored, m.Key + target.ManifestSuffix: encoded} {
		path := filepath.Join(ts.Getenv("SIMPLEDEPLOY_DATA_DIR"), "backups", filepath.FromSlash(key))
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
		ts.Check(os.WriteFile(path, content, 0o600))
	}
}

func manifestFor(kind, run, extension string, day time.Time, raw, stored []byte) target.Manifest {
	sum := sha256.Sum256(stored)
	key := target.Key{Instance: "host", Project: "shop", Service: kind, Job: "default", Time: day, RunID: run, Extension: extension + ".zst"}
	return target.Manifest{
		Format: target.ManifestFormat, Program: target.Program{Name: "simpledeploy-backup", Version: "test"},
		Instance: "host", Project: "shop", Service: kind, Job: "default", Run: run, Strategy: kind,
		StartedAt: day, FinishedAt: day.Add(time.Second), Stages: []string{"zstd"}, Key: key.String(),
		Stored: target.Stored{Bytes: int64(len(stored)), SHA256: hex.EncodeToString(sum[:])},
		Raw:    target.Raw{Bytes: int64(len(raw)), XXH64: fmt.Sprintf("%016x", xxhash.Sum64(raw)), Extension: extension},
	}
}

// proofOf is what the strategy's own prover says of the stream.
func proofOf(ts *testscript.TestScript, kind string, raw []byte) json.RawMessage {
	for _, e := range strategies() {
		if e.Name != kind {
			continue
		}
		prover := e.Prover()
		_, err := prover.Write(raw)
		ts.Check(err)
		proof, err := prover.Proof()
		ts.Check(err)
		b, err := json.Marshal(proof)
		ts.Check(err)
		return b
	}
	ts.Fatalf("there is no strategy %q", kind)
	return nil
}

func compressed(ts *testscript.TestScript, raw []byte) []byte {
	w, err := zstd.NewWriter(nil)
	ts.Check(err)
	return w.EncodeAll(raw, nil)
}

// tarOf is a small volume, with what an archive can hold that leads outside.
func tarOf(ts *testscript.TestScript) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	add := func(h tar.Header, content string) {
		h.Size, h.ModTime, h.Uid, h.Gid = int64(len(content)), at, os.Getuid(), os.Getgid()
		ts.Check(w.WriteHeader(&h))
		_, err := w.Write([]byte(content))
		ts.Check(err)
	}
	add(tar.Header{Name: "srv/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
	add(tar.Header{Name: "srv/readme", Typeflag: tar.TypeReg, Mode: 0o640}, "hello\n")
	add(tar.Header{Name: "srv/closed/", Typeflag: tar.TypeDir, Mode: 0o500}, "")
	add(tar.Header{Name: "srv/closed/in", Typeflag: tar.TypeReg, Mode: 0o444}, "inside\n")
	add(tar.Header{Name: "srv/hard", Typeflag: tar.TypeLink, Linkname: "srv/readme"}, "")
	add(tar.Header{Name: "srv/soft", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd", Mode: 0o777}, "")
	ts.Check(w.Close())
	return buf.Bytes()
}

// flat joins a multi-line text for comparison.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
