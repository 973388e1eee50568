package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// sqlite copies database files under SQLite's own locks and puts them back whole. The work is done by the helper
// program beside the container, so the image needs no tool, and a stopped container can be backed up too.
type sqlite struct{}

func sqliteEntry() Entry {
	return Entry{
		Name: "sqlite", Extension: ".db",
		Available: true, Files: true, Stop: true, Stages: true,
		Strategy: sqlite{}, Prover: newSQLiteProver, Recipe: sqliteRecipe,
	}
}

// sqliteArgs are what the helper's operations are told.
type sqliteArgs struct {
	Token    string   `json:"token,omitempty"`
	Patterns []string `json:"patterns,omitempty"`
	Exclude  []string `json:"exclude,omitempty"`
	Covered  []string `json:"covered,omitempty"`
	Present  bool     `json:"present,omitempty"`
	Form     string   `json:"form,omitempty"`
	Files    []File   `json:"files,omitempty"`
}

// sqliteTrailer is what they tell at their end.
type sqliteTrailer struct {
	Paths    []string         `json:"paths"`
	Files    []File           `json:"files"`
	Bytes    int64            `json:"bytes"`
	Tables   int64            `json:"tables"`
	Rows     int64            `json:"rows"`
	Digest   string           `json:"digest"`
	Detail   map[string]int64 `json:"detail"`
	Warnings []string         `json:"warnings"`
	Nothing  bool             `json:"nothing"`
}

// Extension is .db for one database and .tar for several. It looks at what is there now.
func (sqlite) Extension(ctx context.Context, c Container, opt Options) (string, error) {
	cmd, err := sqliteSearch("sqlite-find", c.Info(), opt)
	if err != nil {
		return "", err
	}
	var t sqliteTrailer
	cmd.Trailer = &t
	if err := c.Help(ctx, cmd); err != nil {
		return "", t.explain(err)
	}
	if len(t.Paths) == 1 {
		return ".db", nil
	}
	return ".tar", nil
}

// Find looks which of the files of a backup are there now. One that is no database is an error: it would not be dumped,
// and a restore would replace it.
func (sqlite) Find(ctx context.Context, c Container, opt Options) ([]string, error) {
	var names []string
	for _, f := range opt.Files {
		names = append(names, f.Path)
	}
	if len(names) == 0 {
		return nil, nil
	}
	paths, err := volumePaths(c.Info(), names)
	if err != nil {
		return nil, err
	}
	var t sqliteTrailer
	err = c.Help(ctx, HelperCommand{Op: "sqlite-find", Paths: paths, Args: sqliteArgs{Patterns: names, Present: true}, Trailer: &t})
	if err != nil && !t.Nothing {
		return nil, err
	}
	return t.Paths, nil
}

// Dump writes the databases, each as it was at one moment. They are checked and counted before the first byte.
func (sqlite) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	cmd, err := sqliteSearch("sqlite-dump", c.Info(), opt)
	if err != nil {
		return Report{}, err
	}
	var t sqliteTrailer
	cmd.Stdout, cmd.Trailer, cmd.Database = w, &t, true
	if err := c.Help(ctx, cmd); err != nil {
		return Report{}, t.explain(err)
	}
	return Report{
		Warnings: t.Warnings, Files: t.Files,
		Counted: &Proof{Tables: t.Tables, Rows: t.Rows, Detail: t.Detail},
	}, nil
}

// Restore unpacks r beside the files, checks it, and swaps them only when r has ended well. Databases that came after
// the backup are left alone.
func (sqlite) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	cmd, err := sqlitePlaces("sqlite-restore", opt)
	if err != nil {
		return Report{}, err
	}
	var t sqliteTrailer
	cmd.Stdin, cmd.Trailer = r, &t
	if err := c.Help(ctx, cmd); err != nil {
		return Report{}, err
	}
	proof := Proof{Format: "sqlite", Entries: int64(len(t.Files)), Bytes: t.Bytes, Digest: t.Digest}
	return Report{Warnings: t.Warnings, Restored: new(proof.With(&Proof{Tables: t.Tables, Rows: t.Rows, Detail: t.Detail}))}, nil
}

// Recover finishes or undoes a restore that was cut off.
func (sqlite) Recover(ctx context.Context, c Container, opt Options) error {
	cmd, err := sqlitePlaces("sqlite-recover", opt)
	if err != nil {
		return err
	}
	if err := c.Help(ctx, cmd); err != nil {
		return fmt.Errorf("recover the restore of %s: %w", strings.Join(cmd.Paths, ", "), err)
	}
	return nil
}

// explain tells the absence of any database from its damage.
func (t sqliteTrailer) explain(err error) error {
	if t.Nothing {
		return fmt.Errorf("%w: %w", ErrNothing, err)
	}
	return err
}

// sqliteSearch looks for databases in the named paths, or in all that a volume job would read.
func sqliteSearch(op string, info Info, opt Options) (HelperCommand, error) {
	var folders []string
	for _, p := range opt.Paths {
		folders = append(folders, sqliteFolder(p))
	}
	paths, err := volumePaths(info, folders)
	if err != nil {
		return HelperCommand{}, err
	}
	var covered []string
	for _, m := range info.Mounts {
		if d := path.Clean(m.Destination); !slices.Contains(paths, d) {
			covered = append(covered, d)
		}
	}
	return HelperCommand{Op: op, Paths: paths, Args: sqliteArgs{
		Patterns: opt.Paths, Exclude: opt.Exclude, Covered: covered, Form: opt.Extension,
	}}, nil
}

// sqliteFolder is what stands before a pattern's first wildcard.
func sqliteFolder(p string) string {
	if i := strings.IndexAny(p, "*?["); i >= 0 {
		return path.Clean(p[:strings.LastIndex(p[:i], "/")+1])
	}
	return p
}

// sqlitePlaces are where the backup's own report says that its databases belong.
func sqlitePlaces(op string, opt Options) (HelperCommand, error) {
	if len(opt.Files) == 0 {
		return HelperCommand{}, errors.New("the backup does not say where its databases belong")
	}
	cmd := HelperCommand{Op: op, Writable: true, Database: true, Args: sqliteArgs{Token: opt.Token, Files: opt.Files}}
	for _, f := range opt.Files {
		cmd.Paths = append(cmd.Paths, f.Path)
	}
	return cmd, nil
}
