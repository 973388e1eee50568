package filetree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ExtractTo unpacks an archive into a folder that is empty or does not exist yet, members at their whole paths. It
// reads r to its end; after an error the folder is empty again. Without root's rights owners and devices are given
// up, and the Summary says so.
func ExtractTo(ctx context.Context, dir string, r io.Reader) (Summary, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Summary{}, fmt.Errorf("make folder: %w", err)
	}
	fd, err := open(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return Summary{}, fmt.Errorf("open folder %s: %w", dir, err)
	}
	defer unix.Close(fd)
	names, err := listNames(fd)
	if err != nil {
		return Summary{}, fmt.Errorf("list folder %s: %w", dir, err)
	}
	if len(names) > 0 {
		return Summary{}, fmt.Errorf("folder %s is not empty: name one that is, or a new one", dir)
	}
	t := &tree{fd: fd, implicit: true, file: -1}
	x := newExtractor(ctx, r, func(member string) (*tree, string, error) { return t, member, nil })
	if err := x.run(); err != nil {
		return Summary{}, errors.Join(err, empty(fd))
	}
	return Summary{
		Entries: x.digest.entries, Bytes: x.digest.bytes, Digest: x.digest.String(), Warnings: x.notes.sentences(),
	}, nil
}

func empty(fd int) error {
	names, err := listNames(fd)
	for _, n := range names {
		err = errors.Join(err, removeTree(fd, n))
	}
	return err
}
