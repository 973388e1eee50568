package helper

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/frame"
)

// Args are the arguments of the three operations on files; each takes what it needs.
type Args struct {
	Token    string   `json:"token,omitempty"`     // restore, recover: names the staging place
	Exclude  []string `json:"exclude,omitempty"`   // archive, restore
	Covered  []string `json:"covered,omitempty"`   // archive, restore: paths at which the container has other mounts
	Defaults bool     `json:"defaults,omitempty"`  // archive: nobody named the paths
	ReadOnly []string `json:"read_only,omitempty"` // archive: paths that the container may only read
	Need     int64    `json:"need,omitempty"`      // restore: bytes that will be unpacked, 0 when not known
}

func operations() map[string]frame.Op {
	return map[string]frame.Op{
		"archive": archive, "restore": restore, "recover": recoverRestore,
		"sqlite-find": sqliteFind, "sqlite-dump": sqliteDump, "sqlite-restore": sqliteRestore, "sqlite-recover": sqliteRecover,
	}
}

func archive(ctx context.Context, req frame.Request, _ io.Reader, stdout io.Writer) (any, error) {
	args, roots, err := parse(req)
	if err != nil {
		return nil, err
	}
	return filetree.Archive(ctx, roots, filetree.ArchiveOptions{
		Exclude: args.Exclude, Covered: args.Covered, Defaults: args.Defaults, ReadOnly: args.ReadOnly,
	}, stdout)
}

func restore(ctx context.Context, req frame.Request, stdin io.Reader, _ io.Writer) (any, error) {
	args, roots, err := parse(req)
	if err != nil {
		return nil, err
	}
	return filetree.Restore(ctx, roots, filetree.RestoreOptions{
		Token: args.Token, Exclude: args.Exclude, Covered: args.Covered, Need: args.Need,
	}, stdin)
}

func recoverRestore(ctx context.Context, req frame.Request, _ io.Reader, _ io.Writer) (any, error) {
	args, roots, err := parse(req)
	if err != nil {
		return nil, err
	}
	return nil, filetree.Recover(ctx, roots, args.Token)
}

func parse(req frame.Request) (Args, []filetree.Root, error) {
	var args Args
	if len(req.Args) > 0 {
		if err := json.Unmarshal(req.Args, &args); err != nil {
			return args, nil, fmt.Errorf("read arguments of %s: %w", req.Op, err)
		}
	}
	return args, rootsOf(req), nil
}

func rootsOf(req frame.Request) []filetree.Root {
	roots := make([]filetree.Root, len(req.Roots))
	for i, r := range req.Roots {
		roots[i] = filetree.Root{Path: r.Path, Mount: r.Mount, Sub: r.Sub}
	}
	return roots
}
