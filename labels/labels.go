package labels

import "time"

// Container is what decoding needs to know of one container: plain values, as the engine lists them.
type Container struct {
	ID     string            // engine's id; carried through, never interpreted
	Name   string            // without the leading slash
	Image  string            // as configured: "postgres:17"
	Labels map[string]string // all of them, the image's included
	Mounts []Mount
}

// Mount is one mount of a container.
type Mount struct {
	Type        string // volume, bind, tmpfs, …
	Name        string // the volume's name; empty for binds
	Source      string // path on the host, where the engine tells it
	Destination string // absolute path in the container
	ReadWrite   bool
}

// Identity names a service for good, whatever its container is called today.
type Identity struct {
	Project string // "_" outside Compose
	Service string
}

// Job is one backup job, fully decoded: every default applied, every value checked.
type Job struct {
	Identity
	Name string // "default", or the named job's name

	Strategy  string // a registry name: never "auto"
	Schedule  Schedule
	Jitter    time.Duration
	Targets   []string // at least one; the first takes the stream
	Quorum    int      // 1..len(Targets)
	Retention Retention

	Paths, Exclude, Databases       []string // nil: the strategy's default
	User, PasswordEnv, PasswordFile string   // a name, a variable's name, a path: never a value

	Quiesce     string        // none, pause, stop
	StopTimeout time.Duration // 0: the container's own
	HookTimeout time.Duration
	Timeout     time.Duration
	Pre, Post   string

	Compression Compression
	Encryption  string // none (age comes later)
	Verify      string // size
	Retries     int
	RPO         time.Duration // 0: none
	Group       string

	DumpCommand, RestoreCommand, Extension string

	Drill        string // when the newest backup is restored on trial: a cron line, "each", or empty
	DrillCommand string
	Notify       string // failure, always, never, change; empty: as the environment says
	Ping         string // name of a dead-man switch

	Labels map[string]string // the container's own labels that shaped this job, for the manifest
}

// ID is "project/service/job".
func (j Job) ID() string { return j.Project + "/" + j.Service + "/" + j.Name }

// Compression is one stage and its effort.
type Compression struct {
	Algorithm string // zstd, gzip, none
	Level     string // zstd: fastest, default, better, best; else empty
}

// Retention says how many backups to keep; zero everywhere keeps all.
// It has the shape of retention.Policy, so that one converts to the other.
type Retention struct {
	Last    int
	Within  time.Duration
	Hourly  int
	Daily   int
	Weekly  int
	Monthly int
	Yearly  int
}

// Problem refuses one job: what is wrong, where, and what to write instead.
type Problem struct {
	Identity
	Job        string `json:"job,omitempty"`   // empty: every job of the container
	Label      string `json:"label,omitempty"` // the whole label, with its prefix
	Value      string `json:"value,omitempty"` // never that of a password-like label
	Why        string `json:"why"`
	Suggestion string `json:"suggestion,omitempty"` // "did you mean …", or the remedy
}

// Warning is something that works but that the owner should know.
type Warning Problem
