package target

import (
	"context"
	"fmt"
	"io"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
)

// maxSinglePart is the size up to which S3 stores an object in one part and keeps its MD5 (rclone's upload_cutoff).
const maxSinglePart = 200 << 20

// checksum compares what was sent with the hash that the storage keeps anyway. Hashes cost more than they look (one
// GiB on one core: MD5 1.3 s), so none is computed that the storage would have to read the object for, or that it
// will not have.
type checksum struct {
	kind   hash.Type
	hash   *hash.MultiHasher
	sha256 func() string // the caller computed it already
}

func newChecksum(remote fs.Fs, size int64, sha256 func() string) checksum {
	if remote.Features().SlowHash { // local, SFTP: the file would be read once more
		return checksum{kind: hash.None}
	}
	kinds := remote.Hashes()
	if sha256 != nil && kinds.Contains(hash.SHA256) {
		return checksum{kind: hash.SHA256, sha256: sha256}
	}
	// Bucket stores hash single parts only; a stream and a large object are sent in parts, each of which the backend
	// has the storage check while it is sent.
	inParts := size < 0 || size >= maxSinglePart
	if remote.Features().BucketBased && inParts && fs.Type(remote) != "memory" {
		return checksum{kind: hash.None}
	}
	for _, kind := range []hash.Type{hash.MD5, hash.SHA1, hash.SHA256} {
		if !kinds.Contains(kind) {
			continue
		}
		hashers, err := hash.NewMultiHasherTypes(hash.NewHashSet(kind))
		if err == nil {
			return checksum{kind: kind, hash: hashers}
		}
	}
	return checksum{kind: hash.None}
}

// tee lets the hash see the stream.
func (c checksum) tee(r io.Reader) io.Reader {
	if c.hash == nil {
		return r
	}
	return io.TeeReader(r, c.hash)
}

// known is the hash of an object that was read whole before it is sent: the storage then refuses other bytes.
func (c checksum) known(head []byte, size int64) map[hash.Type]string {
	if c.hash == nil || size != int64(len(head)) {
		return nil
	}
	hashers, err := hash.NewMultiHasherTypes(hash.NewHashSet(c.kind))
	if err != nil {
		return nil
	}
	_, _ = hashers.Write(head)
	return hashers.Sums()
}

// compare returns "md5:…" when the storage keeps the hash that we computed, "" when it keeps none.
func (c checksum) compare(ctx context.Context, stored fs.Object) (string, error) {
	if c.kind == hash.None {
		return "", nil
	}
	theirs, err := stored.Hash(ctx, c.kind)
	if err != nil {
		return "", fmt.Errorf("ask for the stored %s: %w", c.kind, err)
	}
	var ours string
	if c.sha256 != nil {
		ours = c.sha256()
	} else {
		ours = c.hash.Sums()[c.kind]
	}
	if theirs == "" || ours == "" {
		return "", nil
	}
	if theirs != ours {
		return "", fmt.Errorf("%w: the %s sent is %s, the stored one %s", errCorrupt, c.kind, ours, theirs)
	}
	return c.kind.String() + ":" + ours, nil
}
