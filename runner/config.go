package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// Config is everything a runner works with.
type Config struct {
	Store    *store.Store
	Engine   Engine
	Decoder  *labels.Decoder
	Targets  *target.Set
	Registry []strategy.Entry

	// Rival names another appliance that does the same work on this engine; empty: there is none. While there
	// is one, nothing is scheduled. nil: never asked.
	Rival func(ctx context.Context) (string, error)

	// Own is the appliance's own container, where it runs in one, and DataDir its data folder there. That is never
	// backed up or restored as somebody's files: a backup that holds the backups grows for ever. nil: no container.
	Own     func() (strategy.Info, bool)
	DataDir string

	Projects          []string // scope; empty: all
	Concurrency       int      // runs at the same time, at least 1
	Workers           int      // cores for one compression, at least 1
	CatchUp           bool
	Grace             time.Duration // how long Run waits for work under way once its context ends
	MinFree           int64         // bytes that stay free on a local target
	RetentionByTarget map[string]labels.Retention
	HistoryRetention  time.Duration // 0: for ever

	Version string
	Logger  zerolog.Logger
	Now     func() time.Time // nil: time.Now
}

// jobSpec is a job as the record keeps it: enough to know later what it was when its container is gone.
type jobSpec struct {
	Strategy    string             `json:"strategy"`
	Schedule    string             `json:"schedule"`
	Timezone    string             `json:"timezone,omitempty"`
	Targets     []string           `json:"targets"`
	Quorum      int                `json:"quorum"`
	Retention   labels.Retention   `json:"retention"`
	Paths       []string           `json:"paths,omitempty"`
	Exclude     []string           `json:"exclude,omitempty"`
	Databases   []string           `json:"databases,omitempty"`
	Quiesce     string             `json:"quiesce,omitempty"`
	Compression labels.Compression `json:"compression"`
	Retries     int                `json:"retries"`
	Timeout     time.Duration      `json:"timeout"`
	RPO         time.Duration      `json:"rpo,omitempty"`
	Group       string             `json:"group,omitempty"`
	Labels      map[string]string  `json:"labels,omitempty"`
}

func specOf(job labels.Job) jobSpec {
	return jobSpec{
		Strategy: job.Strategy, Schedule: job.Schedule.Spec, Timezone: job.Schedule.Timezone(),
		Targets: job.Targets, Quorum: job.Quorum, Retention: job.Retention,
		Paths: job.Paths, Exclude: job.Exclude, Databases: job.Databases, Quiesce: job.Quiesce,
		Compression: job.Compression, Retries: job.Retries, Timeout: job.Timeout, RPO: job.RPO, Group: job.Group, Labels: job.Labels,
	}
}

// RecordedRPO is how recent a good backup the labels of a job asked for when they were last seen.
func RecordedRPO(row store.Job) time.Duration { return recordedSpec(row).RPO }

// recordedSpec is what the record knows of a job; the zero spec when it knows nothing.
func recordedSpec(row store.Job) jobSpec {
	var spec jobSpec
	if len(row.Spec) == 0 || json.Unmarshal(row.Spec, &spec) != nil {
		return jobSpec{}
	}
	return spec
}
