package runner

import (
	"time"

	"github.com/simpledeploy/backup/labels"
)

// Plan is what the labels ask for, decoded from one snapshot of the engine.
type Plan struct {
	At       time.Time
	Services []labels.Service // sorted by identity
	Jobs     []labels.Job     // those that can run, sorted by id
	Groups   []Group          // sorted by project and name
	Problems []labels.Problem
	Warnings []labels.Warning
}

// RunRequest asks for runs of every job that matches; empty Service or Job means all of them.
type RunRequest struct {
	Project, Service, Job string
	Group                 string // only the jobs of this group; then Service and Job are empty
	Keep                  bool   // pin the backups
}

// RestoreRequest says which backup goes where.
type RestoreRequest struct {
	Project, Service, Job string    // Job empty: the only one, else an error that lists them
	RunID                 string    // this backup; empty: the newest good one, or the newest not after At
	At                    time.Time // zero: now
	From                  string    // read this target instead of the record; its manifests decide
	Instance              string    // with From: another host's folder
	ToProject, ToService  string    // empty: back to where it came from
	NoSafety              bool      // do not back up what is there first
}

// RestorePlan is what a restore would do, shown before it does it.
type RestorePlan struct {
	RunID       string    `json:"run"`
	Target      string    `json:"target"`
	Key         string    `json:"key"`
	TakenAt     time.Time `json:"taken_at"`
	Strategy    string    `json:"strategy"`
	From        string    `json:"from"` // project/service/job
	To          string    `json:"to"`   // project/service
	StoredBytes int64     `json:"stored_bytes"`
	RawBytes    int64     `json:"raw_bytes"`
	Safety      bool      `json:"safety"`
	NothingHere bool      `json:"nothing_here,omitempty"` // no safety backup, as nothing is there that could be saved
	Stops       []string  `json:"stops,omitempty"`        // containers stopped meanwhile
	Notes       []string  `json:"notes,omitempty"`        // what the owner should know
}

// Progress is how far a run or a restore is.
type Progress struct {
	Phase         string    `json:"phase"` // queued, checking, dumping, copying, safety backup, restoring, …
	RawBytes      int64     `json:"raw_bytes"`
	StoredBytes   int64     `json:"stored_bytes"`
	ExpectedBytes int64     `json:"expected_bytes"` // of the raw stream, from the last run; 0: unknown
	Since         time.Time `json:"since"`
}

// PlanView is what will happen next.
type PlanView struct {
	Next  []NextRun     `json:"next"`
	Prune []PruneResult `json:"prune"`
}

// NextRun is one job's next run in words.
type NextRun struct {
	Job             string    `json:"job"`
	Group           string    `json:"group,omitempty"` // runs together with the other jobs of it
	Strategy        string    `json:"strategy"`
	Schedule        string    `json:"schedule"` // in words
	At              time.Time `json:"at,omitzero"`
	Targets         []string  `json:"targets"`
	Retention       string    `json:"retention"`
	ExpectedBytes   int64     `json:"expected_bytes,omitempty"`
	ExpectedSeconds float64   `json:"expected_seconds,omitempty"`
	Absent          bool      `json:"absent,omitempty"`
	AbsentSince     time.Time `json:"absent_since,omitzero"`
	RPOSeconds      int64     `json:"rpo_seconds,omitempty"` // what an absent job's label asked for
	Stops           []string  `json:"stops,omitempty"`       // services that it stops meanwhile, in order
}

// PruneResult is one backup on one target and what retention makes of it.
type PruneResult struct {
	Job     string    `json:"job"`
	RunID   string    `json:"run"`
	Target  string    `json:"target"`
	Key     string    `json:"key"`
	TakenAt time.Time `json:"taken_at"`
	Bytes   int64     `json:"bytes"`
	Remove  bool      `json:"remove"`
	Reasons []string  `json:"reasons"`
	Error   string    `json:"error,omitempty"`
}

// Health is the answer for probes and people.
type Health struct {
	Ready   bool     `json:"ready"`   // the engine answers and the store takes writes
	Healthy bool     `json:"healthy"` // ready, no rival appliance, no job past its rpo
	Engine  string   `json:"engine,omitempty"`
	Store   string   `json:"store,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	Overdue []string `json:"overdue,omitempty"` // job ids
	Paused  string   `json:"paused_until,omitempty"`
}

// Request errors that callers tell apart.
type (
	// NotFoundError names what does not exist and what does.
	NotFoundError struct{ What string }
	// RefusedError is a request that cannot be served as things are.
	RefusedError struct{ Why string }
)

func (e *NotFoundError) Error() string { return e.What }
func (e *RefusedError) Error() string  { return e.Why }
