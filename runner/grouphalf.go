package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/store"
)

// groupNote is what the journal knows of a group's restore from before its first member is replaced until all are.
// How far it came is in the restore rows of its parts.
type groupNote struct {
	Restore string   `json:"restore"`
	Members []string `json:"members"`        // in the order in which they are restored
	Said    string   `json:"said,omitempty"` // once it was cut short: what was said of it
}

// journalGroup writes down that members are about to be replaced one after the other. The returned function takes it
// out again: from then on the restore's own row tells how it ended.
func (r *Runner) journalGroup(ctx context.Context, whole store.Restore, c chosenGroup) (func(), error) {
	note := groupNote{Restore: whole.ID}
	for _, m := range c.members {
		note.Members = append(note.Members, m.plan.To)
	}
	data, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	entry := store.Entry{ID: store.NewID(), Kind: journalWhole, Project: whole.ToProject, RunID: whole.ID, Data: data, At: r.now()}
	r.held.set(entry.ID, true)
	if err := r.cfg.Store.AddJournal(ctx, entry); err != nil {
		r.held.set(entry.ID, false)
		return nil, err
	}
	return func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		if err := r.cfg.Store.RemoveJournal(last, entry.ID); err != nil {
			r.log.Error().Err(err).Str("restore", whole.ID).Msg("take the restore of a group out of the journal")
		}
		r.held.set(entry.ID, false)
	}, nil
}

// tellHalfRestored says loudly, once, what a group's restore that was cut short left: services of two moments. The
// entry stays, and with it the reason in health, until all of them have been restored again.
func (r *Runner) tellHalfRestored(ctx context.Context, e store.Entry) error {
	var note groupNote
	if err := json.Unmarshal(e.Data, &note); err != nil {
		return fmt.Errorf("read the journal entry %s: %w", e.ID, err)
	}
	if note.Said != "" {
		return nil
	}
	whole, err := r.cfg.Store.Restore(ctx, note.Restore)
	if err != nil {
		return err
	}
	parts, err := r.cfg.Store.RestoreParts(ctx, note.Restore)
	if err != nil {
		return err
	}
	why, half := cutShort(note, parts, whole)
	whole.State, whole.Error, whole.FinishedAt = store.Interrupted, why, r.now()
	if err := r.cfg.Store.PutRestore(ctx, whole); err != nil {
		return err
	}
	r.log.Error().Str("project", e.Project).Str("restore", note.Restore).Msg("a restore of a group was cut short: " + why)
	if err := r.cfg.Store.AppendEvent(ctx, store.Event{
		Actor: "journal", Kind: "restore-cut-short", Project: e.Project, RunID: whole.GroupRun, Text: "restore of group run " + whole.GroupRun + ": " + why,
	}); err != nil {
		return err
	}
	if !half {
		return r.cfg.Store.RemoveJournal(ctx, e.ID)
	}
	note.Said = why
	return r.putGroupNote(ctx, e, note)
}

// cutShort says how far the restore came, and whether that left the services half restored.
func cutShort(note groupNote, parts []store.Restore, whole store.Restore) (why string, half bool) {
	err := errors.New("the appliance ended while the restore was under way")
	left := slices.Clone(note.Members)
	var done, begun []string
	for _, p := range parts {
		name := p.ToProject + "/" + p.ToService
		left = without(left, name)
		if p.State == store.Succeeded {
			done = append(done, name)
		} else {
			begun = append(begun, name)
		}
	}
	switch {
	case len(done)+len(begun) == 0:
		return unchangedAll(err).Error(), false
	case len(left)+len(begun) == 0:
		return fmt.Sprintf("%v, after all of it was restored: %s", err, strings.Join(done, ", ")), false
	}
	if len(begun) > 0 {
		err = fmt.Errorf("%w; in the middle of %s, which is brought to its old state or to the restored one", err, strings.Join(begun, ", "))
	}
	return halfRestored(err, done, left, whole).Error(), true
}

func unchangedAll(err error) error {
	return fmt.Errorf("%w; nothing was changed, the services are as they were", err)
}

func (r *Runner) putGroupNote(ctx context.Context, e store.Entry, note groupNote) error {
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	e.Data = data
	return r.cfg.Store.AddJournal(ctx, e)
}

// settleHalfRestored takes services that a restore has put in order out of what an earlier one, cut short, left.
func (r *Runner) settleHalfRestored(ctx context.Context, row store.Restore) error {
	restored := []string{row.ToProject + "/" + row.ToService}
	if row.GroupRun != "" {
		parts, err := r.cfg.Store.RestoreParts(ctx, row.ID)
		if err != nil {
			return err
		}
		restored = nil
		for _, p := range parts {
			restored = append(restored, p.ToProject+"/"+p.ToService)
		}
	}
	entries, err := r.cfg.Store.Journal(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var note groupNote
		if e.Kind != journalWhole || r.held.has(e.ID) {
			continue
		}
		if err := json.Unmarshal(e.Data, &note); err != nil {
			return fmt.Errorf("read the journal entry %s: %w", e.ID, err)
		}
		note.Members = slices.DeleteFunc(note.Members, func(m string) bool { return slices.Contains(restored, m) })
		if len(note.Members) > 0 {
			err = r.putGroupNote(ctx, e, note)
		} else {
			err = r.cfg.Store.RemoveJournal(ctx, e.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// halfReason is what health says of it.
func halfReason(e store.Entry) string {
	var note groupNote
	_ = json.Unmarshal(e.Data, &note)
	return fmt.Sprintf("a restore of the group of %s was cut short, and these are not of one moment until they are restored again: %s; %s",
		e.Project, strings.Join(note.Members, ", "), note.Said)
}
