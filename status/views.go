package status

import (
	"time"

	"github.com/simpledeploy/backup/runner"
)

// Status is the summary of everything: the page is made from it.
type Status struct {
	Instance    string        `json:"instance"`
	Version     string        `json:"version"`
	Now         time.Time     `json:"now"`
	StartedAt   time.Time     `json:"started_at"`
	Health      runner.Health `json:"health"`
	Attention   []string      `json:"attention"` // what to act on though the appliance is well: refused, never backed up, failed
	Totals      Totals        `json:"totals"`
	Projects    []Project     `json:"projects"`
	RecentRuns  []Run         `json:"recent_runs"` // the 20 newest of all
	Problems    []Problem     `json:"problems"`
	Warnings    []Problem     `json:"warnings"`
	Unprotected []Service     `json:"unprotected"` // services that keep state and have no job
	Targets     []TargetView  `json:"targets"`
	Absent      []Job         `json:"absent,omitempty"` // jobs that no container declares any more and that had an rpo: it raises no alarm now
}

// Totals count over all declared jobs.
type Totals struct {
	Jobs         int       `json:"jobs"`
	Absent       int       `json:"absent"`      // jobs that no container declares any more
	Warned       int       `json:"warned"`      // jobs whose last run ended with warnings
	Unprotected  int       `json:"unprotected"` // services that keep state and have no job, refused ones aside
	Succeeded24h int       `json:"succeeded_24h"`
	Failed24h    int       `json:"failed_24h"`
	StoredBytes  int64     `json:"stored_bytes"`
	NextRun      time.Time `json:"next_run,omitzero"`
}

// Project is one Compose project; "_" holds the containers that are not part of one.
type Project struct {
	Name         string  `json:"name"`
	Succeeded24h int     `json:"succeeded_24h"`
	Failed24h    int     `json:"failed_24h"`
	StoredBytes  int64   `json:"stored_bytes"`
	Jobs         []Job   `json:"jobs"`
	Groups       []Group `json:"groups,omitempty"` // jobs that are one restore point
}

// Job states as shown.
const (
	JobOK      = "ok"      // the last run is a good backup
	JobRunning = "running" // a run is queued or at work
	JobFailed  = "failed"  // the last run brought no backup
	JobPartial = "partial" // the last run is held by fewer targets than wanted
	JobOverdue = "overdue" // no good backup as recent as its rpo asks
	JobWaiting = "waiting" // declared, never run
	JobRefused = "refused" // its labels have a problem
	JobAbsent  = "absent"  // no container declares it any more
)

// Job is one backup job.
type Job struct {
	ID           string    `json:"id"`
	Project      string    `json:"project"`
	Service      string    `json:"service"`
	Job          string    `json:"job"`
	State        string    `json:"state"`
	Strategy     string    `json:"strategy,omitempty"`
	Schedule     string    `json:"schedule,omitempty"`       // as the label says it
	ScheduleText string    `json:"schedule_words,omitempty"` // "daily at 02:00 (UTC)"
	Targets      []string  `json:"targets,omitempty"`
	Group        string    `json:"group,omitempty"`
	RPOSeconds   int64     `json:"rpo_seconds,omitempty"`
	NextRun      time.Time `json:"next_run,omitzero"`
	LastSuccess  time.Time `json:"last_success,omitzero"`
	AbsentSince  time.Time `json:"absent_since,omitzero"`
	LastRun      *LastRun  `json:"last_run,omitempty"` // the newest that was not skipped
	StoredBytes  int64     `json:"stored_bytes"`       // of its backups that are still held, counted once each
	Succeeded24h int       `json:"succeeded_24h"`
	Failed24h    int       `json:"failed_24h"`
	LastStates   []string  `json:"last_states"` // newest first
}

// LastRun is a run in short.
type LastRun struct {
	ID          string    `json:"id"`
	State       string    `json:"state"`
	Cause       string    `json:"cause,omitempty"`
	Error       string    `json:"error,omitempty"`
	QueuedAt    time.Time `json:"queued_at"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	DurationMS  int64     `json:"duration_ms"`
	StoredBytes int64     `json:"stored_bytes"`
	Warnings    []string  `json:"warnings,omitempty"`
	Missing     []string  `json:"missing,omitempty"` // targets that were to hold its backup and do not
}

// Problem is something wrong with labels, or a warning about something that works.
type Problem struct {
	Severity   string    `json:"severity"` // problem, warning
	Project    string    `json:"project"`
	Service    string    `json:"service"`
	Job        string    `json:"job,omitempty"`
	Label      string    `json:"label,omitempty"`
	Value      string    `json:"value,omitempty"`
	Why        string    `json:"why"`
	Suggestion string    `json:"suggestion,omitempty"`
	Since      time.Time `json:"since"`
}

// Event is one line of the feed of all that happened.
type Event struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Kind    string    `json:"kind"`
	Project string    `json:"project,omitempty"`
	Service string    `json:"service,omitempty"`
	Job     string    `json:"job,omitempty"`
	Run     string    `json:"run,omitempty"`
	Text    string    `json:"text"`
}

// TargetView is what is shown of a target.
type TargetView struct {
	Name      string   `json:"name"`
	Local     bool     `json:"local"`
	FreeBytes int64    `json:"free_bytes,omitempty"` // of a local one
	Jobs      []string `json:"jobs"`                 // that write to it
	Due       int      `json:"due"`                  // copies that still have to be made
	LastError string   `json:"last_error,omitempty"` // of the copies that are due
}

// TargetTest is the answer of a target that was asked just now.
type TargetTest struct {
	Name       string `json:"name"`
	OK         bool   `json:"ok"`
	Error      string `json:"error,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}
