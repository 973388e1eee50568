package target

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fspath"
)

// partLimit is how many parts the storage allows an object; 0 where rclone needs no such setting for a stream. A
// stream of unknown size ends at that many parts of chunk_size: for S3 and its default of 5 MiB at 48 GiB.
func partLimit(kind string) int64 {
	switch kind {
	case "s3", "b2", "oracleobjectstorage":
		return 10_000
	case "azureblob":
		return 50_000
	default:
		return 0
	}
}

// sized is the remote with parts large enough for twice the expected size. They are held in memory, a few at a time,
// so they are no larger than that. Objects of known size get theirs from rclone.
func (t *Target) sized(ctx context.Context, remote fs.Fs, opt PutOptions) (fs.Fs, error) {
	if opt.Size >= 0 || opt.Expect <= 0 {
		return remote, nil
	}
	base := remote
	for base.Features().UnWrap != nil {
		base = base.Features().UnWrap()
	}
	limit := partLimit(fs.Type(base))
	if limit == 0 {
		return remote, nil
	}
	kind, err := fs.Find(fs.Type(base))
	if err != nil {
		return nil, err
	}
	if base != remote {
		return remote, checkWrapped(base, kind, opt.Expect/limit)
	}
	_, _, _, settings, err := fs.ConfigFs(t.path)
	if err != nil {
		return nil, err
	}
	needed := 2*opt.Expect/limit + 1
	if chunkSize(settings) >= needed {
		return remote, nil
	}
	mib := (needed + 1<<20 - 1) >> 20
	return open(ctx, withOption(t.path, "chunk_size", strconv.FormatInt(mib, 10)+"Mi"))
}

// checkWrapped refuses what would end at the limit after hours: the part size of a remote behind another one can be
// set by the user only.
func checkWrapped(base fs.Fs, kind *fs.RegInfo, needed int64) error {
	settings := fs.ConfigMap(kind.Prefix, kind.Options, base.Name(), nil)
	if chunkSize(settings) > needed {
		return nil
	}
	return fmt.Errorf("%w: the parts of remote %s are too small for the expected size: set its chunk_size to at least %dMi",
		errRefused, base.Name(), (needed>>20)*2+2)
}

func chunkSize(settings interface{ Get(string) (string, bool) }) int64 {
	text, _ := settings.Get("chunk_size")
	var size fs.SizeSuffix
	if size.Set(text) != nil {
		return 0
	}
	return int64(size)
}

// withOption adds an option to a path's remote: "s3:bucket/" becomes "s3,key=value:bucket/".
func withOption(path, key, value string) string {
	parsed, err := fspath.Parse(path)
	if err != nil || parsed.ConfigString == "" {
		return path
	}
	return parsed.ConfigString + "," + key + "=" + value + ":" + parsed.Path
}
