package status

import (
	"encoding/json"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// Run is one run of a job, whole.
type Run struct {
	ID            string          `json:"id"`
	Instance      string          `json:"instance"`
	Project       string          `json:"project"`
	Service       string          `json:"service"`
	Job           string          `json:"job"`
	Trigger       string          `json:"trigger"`
	State         string          `json:"state"`
	Cause         string          `json:"cause,omitempty"`
	Error         string          `json:"error,omitempty"`
	Attempt       int             `json:"attempt,omitempty"`
	Strategy      string          `json:"strategy,omitempty"`
	Container     string          `json:"container,omitempty"`
	Image         string          `json:"image,omitempty"`
	ImageDigest   string          `json:"image_digest,omitempty"`
	EngineVersion string          `json:"engine_version,omitempty"`
	ScheduledFor  time.Time       `json:"scheduled_for,omitzero"`
	QueuedAt      time.Time       `json:"queued_at"`
	StartedAt     time.Time       `json:"started_at,omitzero"`
	ReleasedAt    time.Time       `json:"released_at,omitzero"`
	FinishedAt    time.Time       `json:"finished_at,omitzero"`
	DurationMS    int64           `json:"duration_ms"`
	RawBytes      int64           `json:"raw_bytes"`
	StoredBytes   int64           `json:"stored_bytes"`
	RawXXH64      string          `json:"raw_xxh64,omitempty"`
	SHA256        string          `json:"sha256,omitempty"`
	Proof         json.RawMessage `json:"proof,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	Pinned        bool            `json:"pinned,omitempty"`
	Quorum        int             `json:"quorum,omitempty"`
	Targets       []string        `json:"targets,omitempty"`
	GroupRun      string          `json:"group_run,omitempty"` // the group run that it is part of
	Artifacts     []Artifact      `json:"artifacts"`
	Hooks         []Hook          `json:"hooks,omitempty"` // only of a run that is read by its id
}

// Hook is what became of a command that a run had in its container before or after the dump.
type Hook struct {
	Name      string `json:"name"` // pre, post
	Attempt   int    `json:"attempt"`
	State     string `json:"state"` // ok, failed, timeout, skipped
	ExitCode  int    `json:"exit_code"`
	Output    string `json:"output,omitempty"` // both streams as they came, the last 16 KiB
	Truncated bool   `json:"truncated,omitempty"`
	TookMS    int64  `json:"took_ms"`
	Error     string `json:"error,omitempty"`
}

// Artifact is a run's object on one target.
type Artifact struct {
	Target      string    `json:"target"`
	Key         string    `json:"key"`
	Bytes       int64     `json:"bytes"`
	SHA256      string    `json:"sha256,omitempty"`
	Hash        string    `json:"hash,omitempty"` // what the storage confirmed beyond the size
	State       string    `json:"state"`
	Error       string    `json:"error,omitempty"`
	Attempts    int       `json:"attempts,omitempty"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
}

// Runs is one page of runs, newest first.
type Runs struct {
	Runs []Run  `json:"runs"`
	Next string `json:"next,omitempty"` // cursor of the next page; empty on the last one
}

// Restore is one restore of a backup.
type Restore struct {
	ID          string          `json:"id"`
	Run         string          `json:"run,omitempty"`
	Key         string          `json:"key"`
	Target      string          `json:"target"`
	Project     string          `json:"project"`
	Service     string          `json:"service"`
	Job         string          `json:"job"`
	ToProject   string          `json:"to_project"`
	ToService   string          `json:"to_service"`
	State       string          `json:"state"`
	Error       string          `json:"error,omitempty"`
	SafetyRun   string          `json:"safety_run,omitempty"`
	StartedAt   time.Time       `json:"started_at,omitzero"`
	FinishedAt  time.Time       `json:"finished_at,omitzero"`
	DurationMS  int64           `json:"duration_ms"`
	RawBytes    int64           `json:"raw_bytes"`
	Proof       json.RawMessage `json:"proof,omitempty"`
	Differences []string        `json:"differences,omitempty"`
	GroupRun    string          `json:"group_run,omitempty"` // restored as a whole: then there is no run, service or job
	PartOf      string          `json:"part_of,omitempty"`   // the restore of a group run that this one belongs to
	Parts       []Restore       `json:"parts,omitempty"`     // of the restore of a group run, read by its id
}

// Progress is how far one run or restore is. Done means that State is final.
type Progress struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
	runner.Progress
}

func runView(r store.Run) Run {
	v := Run{
		ID: r.ID, Instance: r.Instance, Project: r.Project, Service: r.Service, Job: r.Job,
		Trigger: r.Trigger, State: r.State, Cause: r.Cause, Error: r.Error, Attempt: r.Attempt,
		Strategy: r.Strategy, Container: r.Container, Image: r.Image, ImageDigest: r.ImageDigest,
		EngineVersion: r.EngineVersion, ScheduledFor: r.ScheduledFor, QueuedAt: r.QueuedAt,
		StartedAt: r.StartedAt, ReleasedAt: r.ReleasedAt, FinishedAt: r.FinishedAt,
		DurationMS: span(r.StartedAt, r.FinishedAt), RawBytes: r.RawBytes, StoredBytes: r.StoredBytes,
		RawXXH64: r.RawXXH64, SHA256: r.SHA256, Proof: r.Proof, Warnings: r.Warnings, Pinned: r.Pinned,
		Quorum: r.Quorum, Targets: r.Targets, GroupRun: r.GroupRun, Artifacts: make([]Artifact, 0, len(r.Artifacts)),
	}
	for _, a := range r.Artifacts {
		v.Artifacts = append(v.Artifacts, Artifact{
			Target: a.Target, Key: a.Key, Bytes: a.Bytes, SHA256: a.SHA256, Hash: a.Hash, State: a.State,
			Error: a.Error, Attempts: a.Attempts, NextAttempt: a.NextAttempt,
		})
	}
	for _, h := range r.Hooks {
		v.Hooks = append(v.Hooks, Hook{
			Name: h.Name, Attempt: h.Attempt, State: h.State, ExitCode: h.ExitCode, Output: h.Output, Truncated: h.Truncated,
			TookMS: h.Took.Milliseconds(), Error: h.Error,
		})
	}
	return v
}

func restoreView(r store.Restore) Restore {
	return Restore{
		ID: r.ID, Run: r.RunID, Key: r.Key, Target: r.Source, Project: r.Project, Service: r.Service, Job: r.Job,
		ToProject: r.ToProject, ToService: r.ToService, State: r.State, Error: r.Error, SafetyRun: r.SafetyRun,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, DurationMS: span(r.StartedAt, r.FinishedAt),
		RawBytes: r.RawBytes, Proof: r.Proof, Differences: r.Differences, GroupRun: r.GroupRun, PartOf: r.PartOf,
	}
}

// span is the time from one moment to another in milliseconds; 0 while either is unknown.
func span(from, to time.Time) int64 {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return to.Sub(from).Milliseconds()
}

// ended says whether a run or restore in this state does no more work of its own.
func ended(state string) bool { return state != "queued" && state != "running" }
