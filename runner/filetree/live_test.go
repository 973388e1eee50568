package filetree

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// hookWriter calls a function once so many bytes have gone by: the archive is in the middle of a file then.
type hookWriter struct {
	bytes.Buffer
	after int
	do    func()
}

func (h *hookWriter) Write(p []byte) (int, error) {
	n, err := h.Buffer.Write(p)
	if h.do != nil && h.Len() > h.after {
		h.do()
		h.do = nil
	}
	return n, err
}

func TestArchive_LargeFileThatChangesInTheMiddle(t *testing.T) {
	const size = 4 << 20
	for name, c := range map[string]struct {
		do   func(path string) error
		want string
		keep int64 // bytes from the front that must be right
	}{
		"grows":    {func(p string) error { return appendTo(p, "more") }, "grew while being read", size},
		"shrinks":  {func(p string) error { return os.Truncate(p, 3<<20) }, "shrank while being read", 3 << 20},
		"written":  {func(p string) error { return writeAt(p, size-10, "changed") }, "changed while being read", size - 10},
		"vanishes": {func(p string) error { return os.Remove(p) }, "", size},
	} {
		t.Run(name, func(t *testing.T) {
			src := t.TempDir()
			body := noise(size)
			put(t, src+"/big", body)
			put(t, src+"/zz-next", "next")
			w := &hookWriter{after: 1 << 20, do: func() { must(t, c.do(src+"/big")) }}
			s, err := Archive(t.Context(), []Root{{Path: "/data", Mount: src}}, ArchiveOptions{}, w)
			must(t, err)
			if got := strings.Join(s.Warnings, "; "); c.want == "" && got != "" || !strings.Contains(got, c.want) || c.want != "" && !strings.Contains(got, "/data/big") {
				t.Errorf("warnings: %q", s.Warnings)
			}
			files := read(t, w.Bytes())
			if len(files["data/big"]) != size || files["data/big"][:c.keep] != body[:c.keep] || files["data/zz-next"] != "next" {
				t.Errorf("archive holds big with %d bytes, next %q", len(files["data/big"]), files["data/zz-next"])
			}
		})
	}
}

func appendTo(path, s string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(s)
	return err
}

func writeAt(path string, off int64, s string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(s), off)
	return err
}

func read(t *testing.T, data []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		out[h.Name] = string(b)
	}
}

func TestArchive_FilesThatVanishAreNamedNotFatal(t *testing.T) {
	src := t.TempDir()
	for i := range 3000 {
		put(t, fmt.Sprintf("%s/d%02d/f%04d", src, i%20, i), strings.Repeat("x", 2000))
	}
	put(t, src+"/a-large-one-first", noise(2<<20))
	gone := 0
	w := &hookWriter{after: 1 << 20, do: func() {
		for _, d := range []string{"d17", "d18", "d19"} {
			files, _ := filepath.Glob(src + "/" + d + "/*")
			gone += len(files)
			must(t, os.RemoveAll(src+"/"+d))
		}
	}}
	s, err := Archive(t.Context(), []Root{{Path: "/data", Mount: src}}, ArchiveOptions{}, w)
	must(t, err)
	if got := len(read(t, w.Bytes())); int64(got) != s.Entries || got < 3000-gone {
		t.Errorf("%d members in the archive, %d in the summary, %d vanished", got, s.Entries, gone)
	}
}

func TestArchive_StaysValidWhileEverythingMoves(t *testing.T) {
	src := t.TempDir()
	for i := range 400 {
		put(t, fmt.Sprintf("%s/d%d/f%d", src, i%8, i), noise(1000*(i%100)))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				p := fmt.Sprintf("%s/d%d/f%d", src, i%8, (i*7+n)%400)
				switch i % 5 {
				case 0:
					_ = os.WriteFile(p, []byte(noise(i%150_000)), 0o644)
				case 1:
					_ = os.Truncate(p, int64(i%90_000))
				case 2:
					_ = os.Remove(p)
				case 3:
					_ = os.Rename(p, p+"-moved")
				case 4:
					_ = os.Link(p, fmt.Sprintf("%s-link%d", p, i%50))
				}
			}
		})
	}
	for range 5 {
		data, s := archiveOf(t, ArchiveOptions{}, Root{Path: "/data", Mount: src})
		got, err := ExtractTo(t.Context(), t.TempDir(), bytes.NewReader(data))
		if err != nil || got.Entries != s.Entries || got.Bytes != s.Bytes {
			t.Errorf("archived %+v, extracted %+v, %v", s, got, err)
		}
	}
	close(stop)
	wg.Wait()
}
