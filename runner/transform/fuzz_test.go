package transform_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/simpledeploy/backup/runner/transform"
)

// A stored object comes from a place where strangers may write: reading it must neither panic nor hang, and
// reading must give the same as a reader of one worker.
func FuzzReader(f *testing.F) {
	f.Add(compress(f, transform.Compression{Algorithm: "zstd"}, 1, mixed(3000)))
	f.Add([]byte{0x53, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'})
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stored []byte) {
		var raw [2][]byte
		var errs [2]error
		for i := range raw {
			r, err := transform.NewReader(bytes.NewReader(stored), "zstd", i+1)
			if err != nil {
				t.Fatal(err)
			}
			raw[i], errs[i] = io.ReadAll(io.LimitReader(r, 16<<20))
			_ = r.Close()
		}
		if (errs[0] == nil) != (errs[1] == nil) || !bytes.Equal(raw[0], raw[1]) {
			t.Fatalf("one worker: %d bytes, %v; two: %d bytes, %v", len(raw[0]), errs[0], len(raw[1]), errs[1])
		}
	})
}
