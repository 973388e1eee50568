package strategy

import (
	"context"
	"errors"
	"io"
)

// Strategy reads a consistent copy out of one container and puts it back.
type Strategy interface {
	// Dump writes one complete raw backup to w and returns nil only once the source confirmed success.
	// The report holds the engine's version and warnings (files that changed meanwhile, …).
	Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error)
	// Restore reads r to its end and only then commits: r withholds io.EOF, with an error in its place, until
	// the stored hash and the proof agree. It ends in the old state or the new one, never between, where the
	// engine allows it. A strategy that cannot stage says so in its Entry, and is given an r that was checked
	// in an earlier pass.
	Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error)
}

// Recoverer is a strategy whose restore can leave something behind when the appliance dies in the middle.
type Recoverer interface {
	// Recover finishes or undoes the restore that opt.Token names, and is harmless when there is nothing to do.
	// ErrOldStateGone says that neither is possible.
	Recover(ctx context.Context, c Container, opt Options) error
}

// ErrOldStateGone is wrapped by the error of a restore, or of its recovery, that had to remove the old state first and
// did not get to the new one: nothing can be undone.
var ErrOldStateGone = errors.New("the old state is gone, and the new one is not whole")

// Versioner is a strategy that can ask its engine for its version before anything is changed.
type Versioner interface {
	Version(ctx context.Context, c Container, opt Options) (string, error)
}

// RestoreChecker is a strategy that can restore only what its options and its container let it.
type RestoreChecker interface {
	// CanRestore says what is missing or wrong, with the remedy. It is asked before anything is begun.
	CanRestore(ctx context.Context, c Container, opt Options) error
}

// Finder is a strategy that can say what of a backup's source is there now.
type Finder interface {
	// Find returns those of opt.Databases, or the paths of those of opt.Files, that Dump would find; none is no error.
	Find(ctx context.Context, c Container, opt Options) ([]string, error)
}

// Namer is a strategy whose raw form's extension depends on the job or on what it finds.
type Namer interface {
	// Extension is the extension of what Dump will write: ".db", ".tar".
	Extension(ctx context.Context, c Container, opt Options) (string, error)
}

// Options are a job's settings as far as strategies care.
type Options struct {
	Token        string   // id of the run or restore: names staging places, never reused
	Databases    []string // nil: all that the account can see
	User         string
	PasswordEnv  string
	PasswordFile string
	Paths        []string // nil: the strategy's default
	Exclude      []string
	Extension    string // of the raw form that is wanted, by the job or by what Namer said; empty: the strategy's own
	Files        []File // Restore and recipes: what the backup's own report said of its files
	Size         int64  // bytes of the raw stream that Restore is given; 0: unknown

	DumpCommand, RestoreCommand string
}

// Report is what a strategy has to tell beyond the bytes.
type Report struct {
	EngineVersion string   // "17.2"; empty where there is none
	Warnings      []string // sentences for the record
	Counted       *Proof   // after Dump: what only the source could count; its tables, rows and detail complete the prover's proof
	Files         []File   // after Dump: files of which the stream alone does not say where they belong
	Restored      *Proof   // after Restore: what was counted in the restored state; nil where it cannot be counted
}

// File is one file of a backup as it was in its container.
type File struct {
	Path  string `json:"path"` // absolute, in the container
	Mode  uint32 `json:"mode"` // permissions with setuid, setgid and sticky
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Sec   int64  `json:"sec"` // its time of modification
	Nsec  int64  `json:"nsec,omitempty"`
	Bytes int64  `json:"bytes"`
}

// ErrNothing is wrapped by the error of a dump, or of Extension, when there is nothing yet that could be backed up.
var ErrNothing = errors.New("there is nothing to back up")

// Prover follows one raw stream and says at its end what was in it.
type Prover interface {
	io.Writer // never returns an error: a broken stream is told by Proof
	// Proof is called once, after the last Write; an error says why the stream is not whole.
	Proof() (Proof, error)
}

// Proof is what a complete stream held. Totals are 0 where the format has no such thing.
type Proof struct {
	Format  string           `json:"format"` // "pg_dump", "tar"
	Tables  int64            `json:"tables,omitempty"`
	Rows    int64            `json:"rows,omitempty"`
	Entries int64            `json:"entries,omitempty"`
	Bytes   int64            `json:"bytes,omitempty"`  // content bytes, as the format counts them
	Digest  string           `json:"digest,omitempty"` // order-independent digest over the content, where there is one
	Detail  map[string]int64 `json:"detail,omitempty"` // rows per table, …: bounded by the prover

	// Counted: tables, rows and detail were counted where the service's files are, and cannot be seen in the stream.
	Counted bool `json:"counted,omitempty"`
}

// With completes the proof of a stream with what its source counted.
func (p Proof) With(counted *Proof) Proof {
	if counted != nil {
		p.Tables, p.Rows, p.Detail, p.Counted = counted.Tables, counted.Rows, counted.Detail, true
	}
	return p
}
