package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/simpledeploy/backup/runner/filetree"
	"github.com/simpledeploy/backup/runner/frame"
	"github.com/simpledeploy/backup/runner/sqlitefile"
)

// SQLiteArgs are the arguments of the operations on SQLite databases; each takes what it needs.
type SQLiteArgs struct {
	Token    string            `json:"token,omitempty"`    // restore, recover
	Patterns []string          `json:"patterns,omitempty"` // find, dump
	Exclude  []string          `json:"exclude,omitempty"`  // find, dump
	Covered  []string          `json:"covered,omitempty"`  // find, dump
	Present  bool              `json:"present,omitempty"`  // find
	Form     string            `json:"form,omitempty"`     // dump
	Files    []sqlitefile.File `json:"files,omitempty"`    // restore
}

// SQLiteFound is what find tells.
type SQLiteFound struct {
	Paths   []string `json:"paths"`
	Nothing bool     `json:"nothing,omitempty"`
}

func sqliteFind(ctx context.Context, req frame.Request, _ io.Reader, _ io.Writer) (any, error) {
	args, roots, err := parseSQLite(req)
	if err != nil {
		return nil, err
	}
	sources, err := sqlitefile.Find(ctx, roots, args.find())
	found := SQLiteFound{Nothing: errors.Is(err, sqlitefile.ErrNothing)}
	for _, s := range sources {
		found.Paths = append(found.Paths, s.Path)
	}
	return found, err
}

func sqliteDump(ctx context.Context, req frame.Request, _ io.Reader, stdout io.Writer) (any, error) {
	args, roots, err := parseSQLite(req)
	if err != nil {
		return nil, err
	}
	return sqlitefile.Dump(ctx, roots, sqlitefile.DumpOptions{FindOptions: args.find(), Form: args.Form, Work: req.Work}, stdout)
}

func sqliteRestore(ctx context.Context, req frame.Request, stdin io.Reader, _ io.Writer) (any, error) {
	args, roots, err := parseSQLite(req)
	if err != nil {
		return nil, err
	}
	return sqlitefile.Restore(ctx, roots, sqlitefile.RestoreOptions{Token: args.Token, Files: args.Files}, stdin)
}

func sqliteRecover(ctx context.Context, req frame.Request, _ io.Reader, _ io.Writer) (any, error) {
	args, roots, err := parseSQLite(req)
	if err != nil {
		return nil, err
	}
	return nil, sqlitefile.Recover(ctx, roots, args.Token)
}

func (a SQLiteArgs) find() sqlitefile.FindOptions {
	return sqlitefile.FindOptions{Patterns: a.Patterns, Exclude: a.Exclude, Covered: a.Covered, Present: a.Present}
}

func parseSQLite(req frame.Request) (SQLiteArgs, []filetree.Root, error) {
	var args SQLiteArgs
	if err := json.Unmarshal(req.Args, &args); err != nil {
		return args, nil, fmt.Errorf("read arguments of %s: %w", req.Op, err)
	}
	return args, rootsOf(req), nil
}
