package store

import (
	"encoding/json"
	"strings"
	"time"
)

// Service is a container that was seen, labelled or not.
type Service struct {
	Project, Service, Container, Image, Strategy string

	Stateful bool
	SeenAt   time.Time
	Absent   bool
}

// Job is what a container's labels declare, with what is known about its ticks.
type Job struct {
	ID                                           string // project/service/job
	Project, Service, Name                       string
	Strategy, Fingerprint                        string
	Spec                                         json.RawMessage
	Declared, Refused                            bool
	FirstSeen, DeclaredAt, AbsentSince           time.Time
	NextRun, LastTick /* handled */, LastSuccess time.Time
}

// JobChanges names the jobs that one PutJobs changed, each list sorted.
type JobChanges struct {
	Added, Changed, Returned, Absent []string
}

// Empty says that nothing changed.
func (c JobChanges) Empty() bool {
	return len(c.Added)+len(c.Changed)+len(c.Returned)+len(c.Absent) == 0
}

// Problem is what is wrong with a label, and refuses its job; as a warning it refuses nothing.
type Problem struct {
	Project, Service, Job, Label, Value, Why, Suggestion string

	Severity string // problem, warning
	Since    time.Time
}

// The states of a run.
const (
	Queued      = "queued"
	Running     = "running"
	Succeeded   = "succeeded"
	Partial     = "partial"
	Failed      = "failed"
	Skipped     = "skipped"
	Interrupted = "interrupted"
)

// Run is one attempt to back up one job.
type Run struct {
	ID, Instance, Project, Service, Job string

	Trigger       string // schedule, catch-up, manual, safety
	State         string
	Cause         string // why it is not a success: dump, proof, target, timeout, shutdown, engine, killed, …
	Error         string
	Attempt       int
	Strategy      string
	Container     string
	Image         string
	ImageDigest   string
	EngineVersion string

	ScheduledFor, QueuedAt, StartedAt, FinishedAt time.Time
	ReleasedAt                                    time.Time // when the container was free again

	RawBytes, StoredBytes int64
	RawXXH64, SHA256      string
	Proof                 json.RawMessage
	Warnings              []string
	Pinned                bool
	Quorum                int
	Targets               []string
	HelperStart           time.Duration // kept in milliseconds
	Key                   string        // where it writes on its target, known before it does
	GroupRun              string        // the group run that it is part of; empty: none
	Artifacts             []Artifact
	Hooks                 []Hook // of one that Run read; lists leave them out
}

// JobID is the id of the run's job: project/service/job.
func (r Run) JobID() string { return r.Project + "/" + r.Service + "/" + r.Job }

// GroupRun is one restore point of a group: the runs of its members, made together.
type GroupRun struct {
	ID, Instance, Project, Name string

	Trigger, State, Cause, Error                  string
	ScheduledFor, QueuedAt, StartedAt, FinishedAt time.Time
	HeldAt, ReleasedAt/* what the members hold */ time.Time

	Refused  []string // job ids: declared members that a problem with their labels keeps out
	Warnings []string
}

// The states of a hook.
const (
	HookOK      = "ok"
	HookFailed  = "failed"
	HookTimeout = "timeout"
	HookSkipped = "skipped"
)

// Hook is what became of a command that a run has in its container before or after the dump.
type Hook struct {
	RunID     string
	Attempt   int    // of the run
	Name      string // pre, post
	State     string
	ExitCode  int
	Output    string // both streams as they came, the last part of them
	Truncated bool   // there was more
	Took      time.Duration
	Error     string
	At        time.Time
}

// The states of an artifact.
const (
	Due            = "due"
	Present        = "present"
	Verified       = "verified"
	Corrupt        = "corrupt"
	Missing        = "missing"
	Locked         = "locked"
	Pruned         = "pruned"
	ArtifactFailed = "failed"
)

// Artifact is the copy of one run on one target.
type Artifact struct {
	RunID, Target, Key string

	Bytes  int64
	SHA256 string
	Hash   string // what the backend confirmed, "md5:…"; "" when sizes only could be compared

	State, Error           string
	Attempts               int
	NextAttempt, UpdatedAt time.Time
}

// Held says that the object is on its target: present, verified, or locked there.
func (a Artifact) Held() bool {
	return a.State == Present || a.State == Verified || a.State == Locked
}

// Restore is one restore, done or under way.
type Restore struct {
	ID, RunID, Key string

	Source                string // the target that it was read from
	Project, Service, Job string
	ToProject, ToService  string
	State, Error          string
	SafetyRun             string
	StartedAt, FinishedAt time.Time
	RawBytes              int64
	Proof                 json.RawMessage
	Differences           []string
	GroupRun              string // restored as a whole; then RunID, Key, Source, Service and Job are empty
	PartOf                string // the restore of a group run that this one belongs to
}

// Entry is a journal entry: what was changed in the world and has to be put back, whatever happens to us.
type Entry struct {
	ID        string
	Kind      string // stopped, paused, restore, cleanup, post
	Project   string
	Service   string
	Container string
	RunID     string
	Was       string // the state before
	Data      json.RawMessage
	At        time.Time
}

// Event is a line of the feed of all that happened.
type Event struct {
	ID      string
	At      time.Time
	Actor   string
	Kind    string
	Project string
	Service string
	Job     string
	RunID   string
	Text    string
	Data    json.RawMessage
}

// SplitJobID takes project/service/job apart. Neither project nor job can hold a slash.
func SplitJobID(id string) (project, service, job string) {
	project, rest, _ := strings.Cut(id, "/")
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		return project, rest[:i], rest[i+1:]
	}
	return project, rest, ""
}
