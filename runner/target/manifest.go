package target

import (
	"encoding/json"
	"fmt"
	"time"
)

// ManifestFormat is the newest format that this version writes and reads.
const ManifestFormat = 1

// Manifest says what one stored backup holds and how to get it back. It is written last: an object without one is
// no backup.
type Manifest struct {
	Format  int     `json:"format"`
	Program Program `json:"program"`

	Instance string `json:"instance"`
	Project  string `json:"project"`
	Service  string `json:"service"`
	Job      string `json:"job"`
	Run      string `json:"run"`
	Group    string `json:"group,omitempty"`     // the jobs that are one restore point
	GroupRun string `json:"group_run,omitempty"` // the same in the manifests of all backups of that restore point

	GroupMembers []string `json:"group_members,omitempty"` // project/service/job of all of them, also of those that have no backup in it

	Trigger string `json:"trigger,omitempty"` // "schedule", "manual"; "safety": what a restore was about to replace

	Strategy      string `json:"strategy"`
	Image         string `json:"image,omitempty"`
	ImageDigest   string `json:"image_digest,omitempty"`
	EngineVersion string `json:"engine_version,omitempty"`

	ScheduledFor time.Time `json:"scheduled_for,omitzero"`
	StartedAt    time.Time `json:"started_at"`
	FinishedAt   time.Time `json:"finished_at"`

	Stages []string `json:"stages"` // what the raw stream went through, in order: "zstd"
	Key    string   `json:"key"`    // the object
	Stored Stored   `json:"stored"`
	Raw    Raw      `json:"raw"`

	Proof     json.RawMessage   `json:"proof,omitempty"`
	Databases []string          `json:"-"`               // in "options"
	Paths     []string          `json:"-"`               // in "options"
	Exclude   []string          `json:"-"`               // in "options"
	Files     []File            `json:"files,omitempty"` // where the stream alone does not say where they belong
	Labels    map[string]string `json:"labels,omitempty"`
	Warnings  []string          `json:"warnings,omitempty"`
	Recipe    string            `json:"recipe,omitempty"` // how to restore with stock tools, in plain shell
}

// Program is what wrote the manifest.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// File is one file of a backup as it was in its container.
type File struct {
	Path  string `json:"path"` // absolute, in the container
	Mode  uint32 `json:"mode"`
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Sec   int64  `json:"sec"` // its time of modification
	Nsec  int64  `json:"nsec,omitempty"`
	Bytes int64  `json:"bytes"`
}

// Stored describes the object's bytes as they lie on the target.
type Stored struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Raw describes the stream before its stages.
type Raw struct {
	Bytes     int64  `json:"bytes"`
	XXH64     string `json:"xxh64"`
	Extension string `json:"extension"` // ".sql"
}

type manifestFields Manifest

// manifestFile is the manifest as it is written: the job's options together.
type manifestFile struct {
	manifestFields
	Options manifestOptions `json:"options"`
}

type manifestOptions struct {
	Databases []string `json:"databases,omitempty"`
	Paths     []string `json:"paths,omitempty"`
	Exclude   []string `json:"exclude,omitempty"`
}

// Encode writes the manifest in the current format, for people to read too. A manifest that DecodeManifest would
// refuse is refused here, before it is written.
func (m Manifest) Encode() ([]byte, error) {
	m.Format = ManifestFormat
	if err := m.check(m.Key); err != nil {
		return nil, fmt.Errorf("encode manifest of %q: %w", shorten(m.Key), err)
	}
	b, err := json.MarshalIndent(manifestFile{
		manifestFields: manifestFields(m),
		Options:        manifestOptions{Databases: m.Databases, Paths: m.Paths, Exclude: m.Exclude},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest of %q: %w", shorten(m.Key), err)
	}
	if len(b) >= MaxManifest {
		return nil, fmt.Errorf("encode manifest of %q: %d bytes are more than the %d allowed: shorten the labels or the list of paths", shorten(m.Key), len(b), MaxManifest)
	}
	return append(b, '\n'), nil
}
