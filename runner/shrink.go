package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// shrunkTo is what part of the last good backup a new one must still hold to pass without a word.
const shrunkTo = 10

// shrunkWords begin the warning of a backup that holds far less than the one before.
const shrunkWords = "holds far less than the last good backup of this job"

// Shrunk says whether a run's warning is that its backup holds far less than the one before: a whole backup of nearly
// nothing is what a lost volume or a dropped database leaves behind.
func Shrunk(warning string) bool { return strings.HasPrefix(warning, shrunkWords) }

// proven is what a backup was proven to hold.
type proven struct {
	runID   string
	takenAt time.Time
	proof   json.RawMessage
	raw     int64
}

// warnShrunk adds a warning to a run that holds far less than the job's last good one. A safety backup is taken of
// whatever is there, so it is not compared.
func (r *Runner) warnShrunk(ctx context.Context, run *store.Run) {
	if run.Trigger == triggerSafety {
		return
	}
	before, ok := r.fullBackup(ctx, run.JobID(), run.ID)
	if !ok {
		return
	}
	if warning := shrunk(before, proven{proof: run.Proof, raw: run.RawBytes}); warning != "" {
		run.Warnings = append(run.Warnings, warning)
	}
}

// fullBackup is the newest held backup that was not itself far smaller than the one before it: the second backup of an
// empty service is no better than the first one. When all are, it is the newest of them.
func (r *Runner) fullBackup(ctx context.Context, jobID, without string) (proven, bool) {
	runs, err := r.cfg.Store.Backups(ctx, jobID)
	if err != nil {
		return proven{}, false // the record's trouble is told by the commit that follows
	}
	var newest proven
	for _, run := range runs {
		if run.Trigger == triggerSafety || run.ID == without {
			continue
		}
		c := proven{runID: run.ID, takenAt: run.StartedAt, proof: run.Proof, raw: run.RawBytes}
		if shrunkWarning(run.Warnings) == "" {
			return c, true
		}
		if newest.runID == "" {
			newest = c
		}
	}
	return newest, newest.runID != ""
}

// shrunkWarning is the one among a backup's warnings that says so.
func shrunkWarning(warnings []string) string {
	for _, w := range warnings {
		if Shrunk(w) {
			return w
		}
	}
	return ""
}

// shrunk is the warning for a backup that holds nothing, or less than a tenth, of what the one before held, with both
// numbers. Proofs of different formats count different things and are not compared.
func shrunk(before, now proven) string {
	var was, is strategy.Proof
	if json.Unmarshal(before.proof, &was) != nil || json.Unmarshal(now.proof, &is) != nil || was.Format != is.Format {
		return ""
	}
	var less []string
	count := func(what string, before, now int64) {
		if farLess(before, now) {
			less = append(less, fmt.Sprintf("%s %s before, %s now", humanize.Comma(before), what, humanize.Comma(now)))
		}
	}
	count("tables", was.Tables, is.Tables)
	count(rowWord(is.Format), was.Rows, is.Rows)
	count(entryWord(is.Format), was.Entries, is.Entries)
	if farLess(before.raw, now.raw) {
		less = append(less, humanize.IBytes(uint64(before.raw))+" before, "+humanize.IBytes(uint64(max(now.raw, 0)))+" now")
	}
	if len(less) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s; if that is not meant, restore that one, taken %s, with --run %s before pruning removes it",
		shrunkWords, strings.Join(less, ", "), before.takenAt.UTC().Format("2006-01-02 15:04 UTC"), before.runID)
}

// rowWord is what a format's rows are called.
func rowWord(format string) string {
	if format == "mongodump" {
		return "documents"
	}
	return "rows"
}

// entryWord is what a format's entries are called.
func entryWord(format string) string {
	if format == "rdb" {
		return "keys"
	}
	return "entries"
}

// farLess says whether now is nothing, or less than a tenth, of before.
func farLess(before, now int64) bool {
	return before > 0 && (now <= 0 || now < before/shrunkTo)
}

// shrunkThere compares a backup that was found by the manifests of a target with the one before it there: on a rebuilt
// host no record remembers what the service held.
func shrunkThere(ctx context.Context, t *target.Target, m target.Manifest) string {
	before, err := FindBackup(ctx, t, Selector{
		Instance: m.Instance, Project: m.Project, Service: m.Service, Job: m.Job, At: m.StartedAt.Truncate(time.Second).Add(-time.Nanosecond),
	})
	if err != nil {
		return "" // there is none before it
	}
	return shrunk(proven{runID: before.Run, takenAt: before.StartedAt, proof: before.Proof, raw: before.Raw.Bytes}, proven{proof: m.Proof, raw: m.Raw.Bytes})
}
