package target_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/target/targettest"
)

// quick keeps rclone from trying for minutes what is meant to fail.
func quick(t *testing.T) {
	t.Helper()
	t.Setenv("RCLONE_LOW_LEVEL_RETRIES", "1")
	t.Setenv("RCLONE_CONTIMEOUT", "2s")
	t.Setenv("RCLONE_TIMEOUT", "5s")
}

func TestS3_WrongCredentials(t *testing.T) {
	quick(t)
	server := targettest.StartS3(t)
	server.Secret = "wrong"
	server.Remote(t, "tests3", server.Addr)
	s := targettest.Open(t, "tests3:bucket/backups")
	if err := s.Check(t.Context()); err == nil || target.IsRetryable(err) {
		t.Errorf("check: %v", err)
	}
	unread := &targettest.Broken{Data: targettest.Data(3 << 20), Err: io.EOF}
	_, err := s.Put(t.Context(), someKey().String(), unread, target.PutOptions{Size: -1})
	if err == nil || target.IsRetryable(err) || !strings.Contains(err.Error(), "tested") {
		t.Errorf("put: %v", err)
	}
	if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the secret is in the message: %v", err)
	}
	if len(unread.Data) != 3<<20 {
		t.Error("a dump was read for a target that refuses us")
	}
}

// rclone's NewFs takes the folder for a file when S3 does not answer, and returns a remote rooted at its parent.
func TestS3_UnreachableAtTheStart_NeverWritesUnderAnotherPrefix(t *testing.T) {
	quick(t)
	server := targettest.StartS3(t)
	line := targettest.NewLine(t, server.Addr)
	server.Remote(t, "tests3", line.Addr())
	t.Setenv("RCLONE_CONFIG_WRAPPED_TYPE", "alias")
	t.Setenv("RCLONE_CONFIG_WRAPPED_REMOTE", "tests3:bucket/deep")
	for _, path := range []string{"tests3:bucket/deep/backups", "wrapped:backups"} {
		line.Cut()
		s, k := targettest.Open(t, path), someKey()
		_, err := s.Put(t.Context(), k.String(), strings.NewReader("x"), target.PutOptions{Size: 1})
		if err == nil || !target.IsRetryable(err) {
			t.Errorf("%s: put to a server that is away: %v", path, err)
		}
		line.Mend()
		if _, err := s.Put(t.Context(), k.String(), strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
			t.Errorf("%s: after it came back: %v", path, err)
		}
		bucket := targettest.Open(t, "tests3:bucket")
		all, err := bucket.List(t.Context(), "deep/")
		if err != nil || len(all) != 1 || all[0].Key != "deep/backups/"+k.String() {
			t.Errorf("%s: the bucket holds %v, %v", path, all, err)
		}
		if err := bucket.Remove(t.Context(), "deep/backups/"+k.String()); err != nil {
			t.Error(err)
		}
	}
}

func TestNetworkCutInMidUpload_LeavesNothingUnderTheKey(t *testing.T) {
	quick(t)
	for _, kind := range []string{"s3", "sftp", "webdav"} {
		t.Run(kind, func(t *testing.T) {
			line, path := remoteBehindLine(t, kind)
			s, k := targettest.Open(t, path), someKey()
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			stream := targettest.Resumed(targettest.Data(20<<20), line.Cut, targettest.Data(20<<20))
			_, err := s.Put(t.Context(), k.String(), stream, target.PutOptions{Size: -1})
			if err == nil || !target.IsRetryable(err) {
				t.Fatalf("put: %v", err)
			}
			line.Mend()
			settled(t, s, k)
			if _, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(3<<20)), target.PutOptions{Size: -1}); err != nil {
				t.Errorf("the same again after the line was mended: %v", err)
			}
		})
	}
}

func remoteBehindLine(t *testing.T, kind string) (*targettest.Line, string) {
	t.Helper()
	switch kind {
	case "s3":
		server := targettest.StartS3(t)
		line := targettest.NewLine(t, server.Addr)
		server.Remote(t, "cut", line.Addr())
		return line, "cut:bucket/backups"
	case "sftp":
		server := targettest.StartSFTP(t)
		line := targettest.NewLine(t, server.Addr)
		server.Remote(t, "cut", line.Addr())
		return line, "cut:" + server.Dir
	default:
		server := targettest.StartWebDAV(t)
		line := targettest.NewLine(t, server.Addr)
		server.Remote(t, "cut", "rclone", line.Addr())
		return line, "cut:"
	}
}

// settled waits until the server has noticed the cut, then wants nothing to be listed and nothing partial to stay.
func settled(t *testing.T, s *target.Target, k target.Key) {
	t.Helper()
	if objects, err := s.List(t.Context(), k.Folder()); err != nil || len(objects) > 0 {
		t.Errorf("after the cut: %v, %v", objects, err)
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), k.RunID); err != nil {
		t.Errorf("remove partials: %v", err)
	}
}

func TestSFTP_WhatACutLeftIsRemovedLater(t *testing.T) {
	quick(t)
	server := targettest.StartSFTP(t)
	line := targettest.NewLine(t, server.Addr)
	server.Remote(t, "cut", line.Addr())
	s, k := targettest.Open(t, "cut:"+server.Dir), someKey()
	stream := targettest.Resumed(targettest.Data(20<<20), line.Cut, targettest.Data(20<<20))
	if _, err := s.Put(t.Context(), k.String(), stream, target.PutOptions{Size: -1}); err == nil {
		t.Fatal("an upload through a cut line succeeded")
	}
	if left := files(t, server.Dir); len(left) != 1 || !strings.HasSuffix(left[0], ".partial") {
		t.Errorf("the cut left %v, want one partial file", left)
	}
	line.Mend()
	whole := k
	whole.RunID = "01k3z9q7w2m4n6p9"
	if _, err := s.Put(t.Context(), whole.String(), strings.NewReader("x"), target.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.RemovePartial(t.Context(), whole.String()); err != nil { // has none, and keeps its object
		t.Fatal(err)
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), k.RunID); err != nil {
		t.Fatal(err)
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), whole.RunID); err != nil { // has no manifest
		t.Fatal(err)
	}
	if left := files(t, server.Dir); len(left) != 0 {
		t.Errorf("still there: %v", left)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rclone's own clean-up of unfinished uploads takes the folder for a mere prefix, and so ends those of its neighbour.
func TestS3_UnfinishedUploadsOfOurOwnKeysAloneAreEnded(t *testing.T) {
	quick(t)
	server := targettest.StartS3(t)
	line := targettest.NewLine(t, server.Addr)
	server.Remote(t, "direct", server.Addr)
	server.Remote(t, "cut", line.Addr())
	k, other := someKey(), someKey()
	other.RunID = "01k3z9q7w2m4n6p9"
	for path, key := range map[string]target.Key{"cut:bucket/backups": k, "cut:bucket/backups-other": k, "cut:bucket/backups/": other} {
		line.Mend()
		s := targettest.Open(t, path)
		stream := targettest.Resumed(targettest.Data(20<<20), line.Cut, targettest.Data(20<<20))
		if _, err := s.Put(t.Context(), key.String(), stream, target.PutOptions{Size: -1}); err == nil {
			t.Fatal("an upload through a cut line succeeded")
		}
	}
	if got := uploads(t, server); got != 3 {
		t.Fatalf("%d unfinished uploads to begin with, want 3", got)
	}
	s := targettest.Open(t, "direct:bucket/backups")
	if err := s.RemovePartials(t.Context(), k.Folder(), k.RunID); err != nil {
		t.Fatal(err)
	}
	if err := s.RemovePartial(t.Context(), k.String()); err != nil { // MinIO lists them by their whole key only
		t.Fatal(err)
	}
	if got := uploads(t, server); got != 2 {
		t.Errorf("%d unfinished uploads are left, want the neighbour's and the other run's", got)
	}
}

// uploads counts MinIO's own folders of unfinished uploads.
func uploads(t *testing.T, server *targettest.S3) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(server.Dir, "data", ".minio.sys", "multipart", "*", "*", "xl.meta"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// The first run of a new bucket cleans up, lists and claims before anything has been stored.
func TestS3_BucketThatIsNotThereYet(t *testing.T) {
	server := targettest.StartS3(t)
	server.Remote(t, "fresh", server.Addr)
	s := targettest.Open(t, "fresh:new/backups")
	folder := "host/shop/db/default/"
	key := folder + "20261121T020000Z-01k3z9q7w2m4n6p8.sql.zst"
	if err := s.RemovePartials(t.Context(), folder, "01k3z9q7w2m4n6p8"); err != nil {
		t.Errorf("remove partials: %v", err)
	}
	if err := s.RemovePartial(t.Context(), key); err != nil {
		t.Errorf("remove a partial: %v", err)
	}
	if found, err := s.List(t.Context(), folder); err != nil || len(found) > 0 {
		t.Errorf("listed %v, %v", found, err)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, target.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
}

func TestS3_HashSaysWhatWasCompared(t *testing.T) {
	server := targettest.StartS3(t)
	server.Remote(t, "tests3", server.Addr)
	s, k := targettest.Open(t, "tests3:bucket/backups"), someKey()
	for _, c := range []struct {
		size   int
		opt    target.PutOptions
		hashed bool
	}{
		{100, target.PutOptions{Size: -1}, true}, {6 << 20, target.PutOptions{Size: 6 << 20}, true}, {6 << 20, target.PutOptions{Size: -1}, false},
	} {
		obj, err := s.Put(t.Context(), k.String(), bytes.NewReader(targettest.Data(c.size)), c.opt)
		if err != nil || strings.HasPrefix(obj.Hash, "md5:") != c.hashed {
			t.Errorf("%d bytes, size %d: hash %q, %v", c.size, c.opt.Size, obj.Hash, err)
		}
	}
}

// With parts of 5 MiB a stream to S3 ends after 10,000 of them, at 48 GiB.
func TestS3_ExpectedSizeChoosesThePartSize(t *testing.T) {
	server := targettest.StartS3(t)
	server.Remote(t, "tests3", server.Addr)
	s, k := targettest.Open(t, "tests3:bucket/backups"), someKey()
	data := targettest.Data(30 << 20)
	_, err := s.Put(t.Context(), k.String(), bytes.NewReader(data), target.PutOptions{Size: -1, Expect: 100 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if got := targettest.Read(t, s, k.String()); !bytes.Equal(got, data) {
		t.Error("other bytes")
	}
	// 200 GiB in 10,000 parts: 21 MiB each, so these 30 MiB are two.
	parts, err := filepath.Glob(filepath.Join(server.Dir, "data", "bucket", "backups", filepath.FromSlash(k.String()), "*", "part.*"))
	if err != nil || len(parts) != 2 {
		t.Errorf("the object has the parts %v, %v", parts, err)
	}
}

func TestBandwidth_LimitsTheNetwork(t *testing.T) {
	server := targettest.StartWebDAV(t)
	server.Remote(t, "testdav", "other", server.Addr)
	set, err := target.Load(t.Context(), target.Config{Bandwidth: "2M", Paths: map[string]string{"slow": "testdav:"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := target.Load(t.Context(), target.Config{Bandwidth: "off"}); err != nil {
			t.Error(err)
		}
	})
	s, _ := set.Get("slow")
	begin := time.Now()
	if _, err := s.Put(t.Context(), "host/x", bytes.NewReader(targettest.Data(3<<20)), target.PutOptions{Size: 3 << 20}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("3 MiB at 2 MiB/s took %v", took)
	}
}

func TestIsRetryable(t *testing.T) {
	for _, err := range []error{nil, errors.New("anything"), os.ErrNotExist, io.ErrUnexpectedEOF, &target.ErrClaimed{}, target.ErrNotFound} {
		if target.IsRetryable(err) {
			t.Errorf("%v is to be tried again", err)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, errors.New("connection reset by peer")} {
		if !target.IsRetryable(&target.Error{Target: "x", Op: "put", Err: err}) {
			t.Errorf("%v of a target is final", err)
		}
	}
}
