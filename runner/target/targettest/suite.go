package targettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/target"
)

// Run tries the contract on the target that open gives. Each part opens it anew and works in a folder of its own.
func Run(t *testing.T, open func(t *testing.T) *target.Target) {
	parts := map[string]func(*testing.T, *target.Target, target.Key){
		"what is put comes back":                  comesBack,
		"a stream that breaks off leaves nothing": brokenStream,
		"a stream of another length is refused":   otherLength,
		"a cancelled upload leaves nothing":       cancelled,
		"a failed upload leaves the old object":   keepsOld,
		"a key is replaced":                       replaces,
		"what is not there is not found":          notFound,
		"a listing never leaves its folder":       listing,
		"keys that lead elsewhere are refused":    badKeys,
		"partial uploads are removed, no others":  partials,
		"a folder is claimed by one store":        claims,
		"several uploads at once":                 concurrent,
		"a whole object is read to its end":       whole,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			part(t, open(t), key(t.Name()))
		})
	}
}

// key is one in a folder that belongs to the test alone.
func key(test string) target.Key {
	return target.Key{
		Instance: "host", Project: "shop", Service: test, Job: "default",
		Time: time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC), RunID: "01k3z9q7w2m4n6p8", Extension: ".sql.zst",
	}
}

func comesBack(t *testing.T, s *target.Target, k target.Key) {
	for _, size := range []int{0, 1, 100<<10 - 1, 1 << 20, 1<<20 + 1, 12<<20 + 5} {
		for _, known := range []bool{true, false} {
			data := Data(size)
			opt := target.PutOptions{Size: -1, Expect: int64(size)}
			if known {
				opt.Size = int64(size)
			} else if !streams(t, s) {
				continue
			}
			put, err := s.Put(t.Context(), k.String(), bytes.NewReader(data), opt)
			if err != nil {
				t.Fatalf("%d bytes, size known %v: %v", size, known, err)
			}
			if put.Key != k.String() || put.Bytes != int64(size) {
				t.Errorf("put says %+v for %d bytes", put, size)
			}
			if got := Read(t, s, k.String()); !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back as %d, or others", size, len(got))
			}
			stat, err := s.Stat(t.Context(), k.String())
			if err != nil || stat.Bytes != int64(size) {
				t.Errorf("stat: %+v, %v", stat, err)
			}
		}
	}
	wantKeys(t, s, k.Folder(), k.String())
}

// brokenStream ends streams of all lengths in errors that some upload code takes for an end.
func brokenStream(t *testing.T, s *target.Target, k target.Key) {
	cause := errors.New("the dump failed")
	for i, size := range []int{0, 50 << 10, 1 << 20, 11 << 20} {
		ends := []error{io.ErrUnexpectedEOF}
		if i%2 == 1 {
			ends = append(ends, errors.Join(io.EOF, cause))
		}
		for _, end := range ends {
			for _, announced := range []int64{-1, int64(size) + 1000} {
				if announced < 0 && !streams(t, s) {
					continue
				}
				_, err := s.Put(t.Context(), k.String(), &Broken{Data: Data(size), Err: end}, target.PutOptions{Size: announced})
				if !errors.Is(err, end) {
					t.Errorf("%d bytes, then %q, %d announced: %v", size, end, announced, err)
				}
				if target.IsRetryable(err) {
					t.Errorf("the target is to be tried again for a stream that broke: %v", err)
				}
				wantKeys(t, s, k.Folder())
			}
		}
	}
}

func otherLength(t *testing.T, s *target.Target, k target.Key) {
	for _, size := range []int{10, 3 << 20} {
		for _, announced := range []int64{int64(size) - 1, int64(size) + 1} {
			if _, err := s.Put(t.Context(), k.String(), bytes.NewReader(Data(size)), target.PutOptions{Size: announced}); err == nil {
				t.Errorf("%d bytes were taken for %d", size, announced)
			}
			wantKeys(t, s, k.Folder())
		}
	}
}

func cancelled(t *testing.T, s *target.Target, k target.Key) {
	cause := errors.New("the run took too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stream := Resumed(Data(6<<20), func() { cancel(cause) }, Data(6<<20))
	_, err := s.Put(ctx, k.String(), stream, target.PutOptions{Size: 12 << 20})
	if !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	wantKeys(t, s, k.Folder())
}

func keepsOld(t *testing.T, s *target.Target, k target.Key) {
	old := Data(2 << 20)
	put(t, s, k.String(), old)
	_, err := s.Put(t.Context(), k.String(), &Broken{Data: Data(7 << 20), Err: io.ErrUnexpectedEOF}, target.PutOptions{Size: 8 << 20})
	if err == nil {
		t.Fatal("a broken stream was taken")
	}
	if got := Read(t, s, k.String()); !bytes.Equal(got, old) {
		t.Errorf("the old object is gone: %d bytes", len(got))
	}
}

func replaces(t *testing.T, s *target.Target, k target.Key) {
	put(t, s, k.String(), Data(2<<20))
	put(t, s, k.String(), Data(300))
	if got := Read(t, s, k.String()); !bytes.Equal(got, Data(300)) {
		t.Errorf("got %d bytes", len(got))
	}
	wantKeys(t, s, k.Folder(), k.String())
}

func notFound(t *testing.T, s *target.Target, k target.Key) {
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if _, err := s.Stat(t.Context(), k.String()); !errors.Is(err, target.ErrNotFound) || target.IsRetryable(err) {
		t.Errorf("stat: %v", err)
	}
	if _, _, err := s.Open(t.Context(), k.String()); !errors.Is(err, target.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.ReadManifest(t.Context(), k.String()); !errors.Is(err, target.ErrNotFound) {
		t.Errorf("read manifest: %v", err)
	}
	if err := s.Remove(t.Context(), k.String()); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), k.RunID); err != nil {
		t.Errorf("remove partials of nothing: %v", err)
	}
	wantKeys(t, s, k.Folder())
}

func listing(t *testing.T, s *target.Target, k target.Key) {
	other := k
	other.Job += "-other"
	put(t, s, other.String(), Data(10))
	wantKeys(t, s, k.Folder())
	put(t, s, k.String(), Data(10))
	put(t, s, k.String()+target.ManifestSuffix, Data(10))
	wantKeys(t, s, k.Folder(), k.String(), k.String()+target.ManifestSuffix)
	if _, err := s.List(t.Context(), k.Folder()[:len(k.Folder())-1]); err == nil {
		t.Error("a folder without a slash was listed")
	}
	if err := s.Remove(t.Context(), k.String()); err != nil {
		t.Error(err)
	}
	wantKeys(t, s, k.Folder(), k.String()+target.ManifestSuffix)
	wantKeys(t, s, other.Folder(), other.String())
}

func badKeys(t *testing.T, s *target.Target, k target.Key) {
	for _, bad := range []string{
		"", "/", "../x", "a/../../x", "/etc/x", "a//b", "a/", "./a", `a\b`, "a\x00b", k.String() + ".partial",
	} {
		if _, err := s.Put(t.Context(), bad, bytes.NewReader(nil), target.PutOptions{}); err == nil || target.IsRetryable(err) {
			t.Errorf("put %q: %v", bad, err)
		}
		if err := s.Remove(t.Context(), bad); err == nil {
			t.Errorf("%q was removed", bad)
		}
		if _, err := s.Stat(t.Context(), bad); err == nil {
			t.Errorf("%q was looked at", bad)
		}
	}
	for _, bad := range []string{"", "/", "host/", "host/shop/", k.String(), "../a/b/c/"} {
		if err := s.RemovePartials(t.Context(), bad, k.RunID); err == nil {
			t.Errorf("partials were removed in %q", bad)
		}
	}
}

func partials(t *testing.T, s *target.Target, k target.Key) {
	good, later, other, stranger := k, k, k, k
	later.Time = k.Time.Add(time.Hour)
	other.RunID = "01k3z9q7w2m4n6p9"
	stranger.Job += "-other"
	for _, key := range []string{
		good.String(), good.String() + target.ManifestSuffix, later.String(), other.String(), stranger.String(),
		k.Folder() + "notes.txt",
	} {
		put(t, s, key, Data(10))
	}
	if err := s.RemovePartials(t.Context(), k.Folder(), k.RunID); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, s, k.Folder(), good.String(), good.String()+target.ManifestSuffix, other.String(), k.Folder()+"notes.txt")
	wantKeys(t, s, stranger.Folder(), stranger.String())
}

func claims(t *testing.T, s *target.Target, k target.Key) {
	instance := k.Service
	for range 2 {
		if err := s.Claim(t.Context(), instance, "store-one", false); err != nil {
			t.Fatal(err)
		}
	}
	var claimed *target.ErrClaimed
	err := s.Claim(t.Context(), instance, "store-two", false)
	if !errors.As(err, &claimed) || claimed.Owner != "store-one" || target.IsRetryable(err) {
		t.Errorf("a second store: %v", err)
	}
	if err := s.Claim(t.Context(), instance, "store-two", true); err != nil {
		t.Errorf("adopt: %v", err)
	}
	if err := s.Claim(t.Context(), instance, "store-one", false); !errors.As(err, &claimed) || claimed.Owner != "store-two" {
		t.Errorf("the first store after the adoption: %v", err)
	}
}

func concurrent(t *testing.T, s *target.Target, k target.Key) {
	done := make(chan error)
	for i := range 4 {
		mine := k
		mine.Time = k.Time.Add(time.Duration(i) * time.Second)
		go func() {
			_, err := s.Put(t.Context(), mine.String(), bytes.NewReader(Data(6<<20+i)), target.PutOptions{Size: int64(6<<20 + i)})
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	objects, err := s.List(t.Context(), k.Folder())
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range objects {
		if got := Read(t, s, o.Key); !bytes.Equal(got, Data(6<<20+i)) {
			t.Errorf("%s has other bytes", o.Key)
		}
	}
	if len(objects) != 4 {
		t.Errorf("%d objects", len(objects))
	}
}

// streams asks the target; one that takes no streams must say so before it has read any of one.
func streams(t *testing.T, s *target.Target) bool {
	t.Helper()
	yes, err := s.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !yes {
		unread := &Broken{Data: Data(10), Err: io.EOF}
		_, err := s.Put(t.Context(), "host/stream", unread, target.PutOptions{Size: -1})
		if !errors.Is(err, target.ErrSizeNeeded) || target.IsRetryable(err) || len(unread.Data) != 10 {
			t.Errorf("a stream of unknown size: %v", err)
		}
	}
	return yes
}

func whole(t *testing.T, s *target.Target, k target.Key) {
	put(t, s, k.String(), Data(3<<20))
	r, obj, err := s.Open(t.Context(), k.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil || n != obj.Bytes || n != 3<<20 {
		t.Errorf("%d of %d bytes: %v", n, obj.Bytes, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, s *target.Target, key string, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, bytes.NewReader(data), target.PutOptions{Size: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
}

// Read gives an object's bytes.
func Read(t *testing.T, s *target.Target, key string) []byte {
	t.Helper()
	r, _, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantKeys(t *testing.T, s *target.Target, folder string, want ...string) {
	t.Helper()
	objects, err := s.List(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, o := range objects {
		got = append(got, o.Key)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("in %s: %s", folder, diff)
	}
}
