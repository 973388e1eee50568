package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/store"
)

// healthTimeout bounds each question that health asks.
const healthTimeout = 3 * time.Second

// Health asks the engine and the store, and looks whether every job keeps its rpo.
func (r *Runner) Health(ctx context.Context) Health {
	h := Health{}
	ask, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := r.cfg.Engine.Ping(ask); err != nil {
		h.Engine = err.Error()
		h.Reasons = append(h.Reasons, "the container engine does not answer: "+h.Engine)
	}
	if err := r.cfg.Store.Writable(ask); err != nil {
		h.Store = err.Error()
		h.Reasons = append(h.Reasons, "the record takes no writes: "+h.Store)
	} else if last, _ := r.storeErr.Load().(string); last != "" {
		h.Reasons = append(h.Reasons, "the record refused a write: "+last)
	}
	h.Ready = h.Engine == "" && h.Store == ""
	if who, _ := r.rival.Load().(string); who != "" {
		h.Reasons = append(h.Reasons, who)
	}
	h.addOverdue(r.overdue(ask))
	entries, err := r.cfg.Store.Journal(ask)
	h.addJournal(slices.DeleteFunc(entries, func(e store.Entry) bool { return r.held.has(e.ID) }), err)
	if until := r.PausedUntil(); !until.IsZero() {
		h.Paused = until.Format(time.RFC3339)
	}
	h.Healthy = len(h.Reasons) == 0
	return h
}

// overdueJob is a job that misses its rpo, with the sentence that says so.
type overdueJob struct{ id, why string }

func (h *Health) addOverdue(overdue []overdueJob, err error) {
	if err != nil {
		h.Reasons = append(h.Reasons, "cannot tell whether backups are overdue: "+err.Error())
	}
	for _, job := range overdue {
		h.Overdue = append(h.Overdue, job.id)
		h.Reasons = append(h.Reasons, job.why)
	}
}

// whyOverdue says how old the last good backup is and what to do next.
func whyOverdue(row store.Job, rpo time.Duration, now time.Time) string {
	last := "it never had one"
	switch at := row.LastSuccess; {
	case at.After(now.Add(time.Minute)):
		last = "the last one is dated in the future: " + at.UTC().Format(time.RFC3339)
	case !at.IsZero():
		last = "the last one was taken " + age(now.Sub(at)) + " ago"
	}
	next := "`simpledeploy-backup history " + row.ID + "` says what went wrong, `simpledeploy-backup run " + row.ID + "` tries again"
	if row.Refused {
		next = "its labels have a problem, `simpledeploy-backup plan` names it and its remedy"
	}
	return fmt.Sprintf("job %s has no good backup within its rpo of %s: %s; %s", row.ID, Exactly(rpo), last, next)
}

// Exactly is a length of time as a label would have it: "26h", "1h30m", without units that are zero.
func Exactly(d time.Duration) string {
	words := d.String()
	if strings.HasSuffix(words, "m0s") {
		words = strings.TrimSuffix(words, "0s")
	}
	if strings.HasSuffix(words, "h0m") {
		words = strings.TrimSuffix(words, "0m")
	}
	return words
}

// age is a length of time in the unit that fits it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 72*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// addJournal says what waits to be brought back, though nobody holds it any more.
func (h *Health) addJournal(entries []store.Entry, err error) {
	if err != nil {
		return // the store's trouble is already among the reasons
	}
	for _, e := range entries {
		switch e.Kind {
		case journalRestore:
			h.Reasons = append(h.Reasons, fmt.Sprintf("a restore of %s/%s was cut short and could not be recovered yet; it is tried again every half minute", e.Project, e.Service))
		case journalWhole:
			h.Reasons = append(h.Reasons, halfReason(e))
		case journalStopped, journalPaused:
			h.Reasons = append(h.Reasons, fmt.Sprintf("%s/%s was %s by a run and could not be brought back yet; it is tried again every half minute", e.Project, e.Service, e.Kind))
		}
	}
}

// overdue lists the declared jobs whose last good backup is older than their rpo. A job that a Problem refuses is
// still declared: what it was keeps counting.
func (r *Runner) overdue(ctx context.Context) ([]overdueJob, error) {
	rows, err := r.cfg.Store.Jobs(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []overdueJob
	for _, row := range rows {
		rpo := recordedSpec(row).RPO
		since := row.LastSuccess
		if since.IsZero() || since.After(r.now().Add(time.Minute)) { // a date in the future proves nothing
			since = row.FirstSeen
		}
		if rpo > 0 && r.now().Sub(since) > rpo {
			out = append(out, overdueJob{row.ID, whyOverdue(row, rpo, r.now())})
		}
	}
	return out, nil
}
