package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// GroupRestoreRequest says which restore point goes back.
type GroupRestoreRequest struct {
	GroupRun   string // its id, or with Project the name of a group: its newest whole run
	Project    string // where it is of; empty: whatever the record says
	From       string // read this target's manifests instead of the record
	Instance   string // with From: another host's
	ToProject  string // into the services of the same names there; empty: back to where it came from
	Incomplete bool   // restore what there is of a restore point that lacks a member
	NoSafety   bool   // do not back up what is there first
}

// GroupRestorePlan is what the restore of a group run would do, shown before it does it.
type GroupRestorePlan struct {
	GroupRun    string        `json:"group_run"`
	Group       string        `json:"group"`
	Project     string        `json:"project"`
	TakenAt     time.Time     `json:"taken_at"`
	Members     []RestorePlan `json:"members"` // in the order in which they are restored
	Lacks       []string      `json:"lacks,omitempty"`
	Safety      bool          `json:"safety"`
	NothingHere bool          `json:"nothing_here,omitempty"` // no safety backup, as no member has anything that could be saved
	Stops       []string      `json:"stops,omitempty"`        // containers stopped from before the first until after the last
}

// chosenGroup is everything that a restore of a group run works with, checked.
type chosenGroup struct {
	row     store.GroupRun
	members []chosen
	stops   []strategy.Info // all that any member stops
	lacks   []string        // members that have no backup in it, and why
}

// PlanGroupRestore checks that a group run can be restored and says what that would do.
func (r *Runner) PlanGroupRestore(ctx context.Context, req GroupRestoreRequest) (GroupRestorePlan, error) {
	req, err := r.nameGroupRun(ctx, req)
	if err != nil {
		return GroupRestorePlan{}, err
	}
	c, err := r.chooseGroup(ctx, req)
	if err != nil {
		return GroupRestorePlan{}, err
	}
	plan := GroupRestorePlan{GroupRun: c.row.ID, Group: c.row.Name, Project: c.row.Project, TakenAt: c.row.StartedAt, Lacks: c.lacks, Safety: !req.NoSafety, NothingHere: !req.NoSafety}
	for _, m := range c.members {
		plan.Members = append(plan.Members, m.plan)
		plan.NothingHere = plan.NothingHere && m.plan.NothingHere
	}
	plan.Safety = plan.Safety && !plan.NothingHere
	for _, info := range c.stops {
		plan.Stops = append(plan.Stops, info.Name)
	}
	return plan, nil
}

// chooseGroup finds every member's backup and destination. One that is missing, or cannot be restored, refuses the
// whole: half a restore point is none.
func (r *Runner) chooseGroup(ctx context.Context, req GroupRestoreRequest) (chosenGroup, error) {
	c, runs, err := r.findGroup(ctx, req)
	if err != nil {
		return chosenGroup{}, err
	}
	for _, run := range runs {
		if err := r.chooseMember(ctx, &c, run, req); err != nil {
			return chosenGroup{}, err
		}
	}
	if err := c.complete(req); err != nil {
		return chosenGroup{}, err
	}
	// What cannot be rolled back comes last: a failure before it leaves it alone.
	slices.SortStableFunc(c.members, func(a, b chosen) int { return cmp.Compare(boolInt(!a.entry.Stages), boolInt(!b.entry.Stages)) })
	return c, c.checkStops()
}

// findGroup names the members' runs: by the record, or with From by the manifests there.
func (r *Runner) findGroup(ctx context.Context, req GroupRestoreRequest) (c chosenGroup, runs []store.Run, err error) {
	if req.From != "" {
		row, manifests, err := r.groupOnTarget(ctx, req)
		for _, m := range manifests {
			runs = append(runs, store.Run{ID: m.Run, Project: m.Project, Service: m.Service, Job: m.Job})
		}
		for _, id := range missingMembers(manifests) {
			c.lacks = append(c.lacks, id+" (the target has no backup of it)")
		}
		c.row = row
		return c, runs, err
	}
	c.row, err = r.cfg.Store.GroupRun(ctx, req.GroupRun)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c, nil, &NotFoundError{What: "no group run " + req.GroupRun + " in the record; `history --groups` lists them, `--from TARGET` reads a target instead"}
	case err != nil:
		return c, nil, err
	case req.Project != "" && req.Project != c.row.Project:
		return c, nil, &RefusedError{Why: fmt.Sprintf("group run %s is of %s, not of %s; name its own project, and --to for another one", c.row.ID, c.row.Project, req.Project)}
	case c.row.FinishedAt.IsZero():
		return c, nil, &RefusedError{Why: fmt.Sprintf("group run %s is still %s", c.row.ID, c.row.State)}
	}
	for _, id := range c.row.Refused {
		c.lacks = append(c.lacks, id+" (it was refused by a problem with its labels)")
	}
	runs, err = r.cfg.Store.GroupMembers(ctx, c.row.ID)
	return c, runs, err
}

func (r *Runner) chooseMember(ctx context.Context, c *chosenGroup, run store.Run, req GroupRestoreRequest) error {
	if req.From == "" && !slices.ContainsFunc(run.Artifacts, store.Artifact.Held) {
		why := "its run is " + run.State
		if len(run.Artifacts) > 0 {
			why = "its backup is not held any more"
		}
		c.lacks = append(c.lacks, run.JobID()+" ("+why+")")
		return nil
	}
	one := RestoreRequest{Project: run.Project, Service: run.Service, Job: run.Job, RunID: run.ID, From: req.From, Instance: req.Instance, NoSafety: req.NoSafety}
	if req.ToProject != "" {
		one.ToProject, one.ToService = req.ToProject, run.Service
	}
	m, err := r.choose(ctx, one)
	if err != nil {
		return memberError(run.JobID(), err)
	}
	c.members = append(c.members, m)
	for _, info := range m.stops {
		if !slices.ContainsFunc(c.stops, func(o strategy.Info) bool { return o.ID == info.ID }) {
			c.stops = append(c.stops, info)
		}
	}
	return nil
}

// memberError names the member and keeps the kind of the error.
func memberError(job string, err error) error {
	if e, ok := errors.AsType[*NotFoundError](err); ok {
		return &NotFoundError{What: job + ": " + e.What}
	}
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Why: job + ": " + e.Why}
	}
	return fmt.Errorf("%s: %w", job, err)
}

// complete refuses a restore point that lacks a member, unless that is wanted.
func (c chosenGroup) complete(req GroupRestoreRequest) error {
	switch {
	case len(c.members) == 0:
		return &NotFoundError{What: fmt.Sprintf("group run %s (%s) left no backup that is still held", c.row.ID, c.row.State)}
	case len(c.lacks) > 0 && !req.Incomplete:
		return &RefusedError{Why: fmt.Sprintf("group run %s is not whole: it lacks %s; --incomplete restores the others, or choose another group run",
			c.row.ID, strings.Join(c.lacks, ", "))}
	}
	return nil
}

// checkStops refuses a hold that would stop a member whose restore runs a command inside its container.
func (c chosenGroup) checkStops() error {
	for _, m := range c.members {
		if !m.entry.Files && slices.ContainsFunc(c.stops, func(info strategy.Info) bool { return info.ID == m.info.ID }) {
			return &RefusedError{Why: fmt.Sprintf("%s is restored by a command inside its container, and another member of the group needs it stopped meanwhile; restore the members one by one, with --run", m.plan.From)}
		}
	}
	return nil
}

// StartGroupRestore checks the request, records the restore with a part for each member and queues it as one; the work
// goes on by itself.
func (r *Runner) StartGroupRestore(ctx context.Context, req GroupRestoreRequest) (string, error) {
	select {
	case <-r.ready:
	default:
		return "", &RefusedError{Why: "the appliance is still putting in order what its last end left; try again in a moment"}
	}
	req, err := r.nameGroupRun(ctx, req)
	if err != nil {
		return "", err
	}
	c, err := r.chooseGroup(ctx, req)
	if err != nil {
		return "", err
	}
	to := cmp.Or(req.ToProject, c.row.Project)
	whole := store.Restore{ID: store.NewID(), GroupRun: c.row.ID, Project: c.row.Project, ToProject: to, State: store.Queued, StartedAt: r.now()}
	if err := r.cfg.Store.PutRestore(ctx, whole); err != nil {
		return "", fmt.Errorf("record the restore: %w", err)
	}
	var locks []string
	for _, m := range c.members {
		locks = append(locks, m.project+"/"+m.service)
		r.restoring.Store(m.manifest.Run, whole.ID)
	}
	for _, info := range c.stops {
		id, _, _ := labels.IdentityOf(info.Name, info.Labels)
		locks = append(locks, id.Project+"/"+id.Service)
	}
	slices.Sort(locks)
	r.progress.start(whole.ID, "queued", 0, r.now())
	t := &task{id: whole.ID, jobs: []string{"restore/" + whole.ID}, locks: slices.Compact(locks), free: true}
	t.do = func(ctx context.Context) { r.executeGroupRestore(ctx, whole, req, c) }
	if !r.queue.submit(t) {
		return "", &RefusedError{Why: errShutdown.Error()}
	}
	return whole.ID, nil
}

// executeGroupRestore does one recorded restore of a group run from its queue to its end. queued is what was chosen
// when it was asked for: it is looked at again, as the world may have changed.
func (r *Runner) executeGroupRestore(ctx context.Context, whole store.Restore, req GroupRestoreRequest, queued chosenGroup) {
	defer r.progress.end(whole.ID)
	for _, m := range queued.members {
		defer r.restoring.CompareAndDelete(m.manifest.Run, whole.ID)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, restoreTimeout, &timeoutError{"the restore took longer than " + restoreTimeout.String()})
	defer cancel()
	r.progress.start(whole.ID, "checking", 0, r.now())
	whole.State = store.Running
	err := r.cfg.Store.PutRestore(ctx, whole)
	if err == nil {
		err = r.restoreGroup(ctx, &whole, req)
	}
	r.endRestore(ctx, &whole, err)
}

// restoreGroup does the work: check everything, hold everything, save what is there as one restore point, put the
// members in their places one after the other, bring everyone back. It stops at the first failure.
func (r *Runner) restoreGroup(ctx context.Context, whole *store.Restore, req GroupRestoreRequest) error {
	c, err := r.chooseGroup(ctx, req)
	if err != nil {
		return unchanged(err)
	}
	if err := r.readGroup(ctx, whole.ID, c); err != nil {
		return unchanged(err)
	}
	r.progress.phase(whole.ID, "holding containers")
	release, err := r.holdMembers(ctx, whole.ID, stopped(c.stops))
	if err != nil {
		return errors.Join(unchanged(err), release())
	}
	err = r.replaceGroup(ctx, whole, req, c)
	r.progress.phase(whole.ID, "bringing containers back")
	return errors.Join(err, release())
}

// readGroup reads the backups before anything is touched. The first that stages is checked while it is restored; for
// all others that would be too late, as members before them are replaced by then.
func (r *Runner) readGroup(ctx context.Context, id string, c chosenGroup) error {
	for i, m := range c.members {
		if i == 0 && m.entry.Stages {
			continue
		}
		r.progress.phase(id, "checking the backup of "+m.plan.From)
		if err := r.readThrough(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.plan.From, err)
		}
	}
	return nil
}

// replaceGroup does what changes something: everything is held.
func (r *Runner) replaceGroup(ctx context.Context, whole *store.Restore, req GroupRestoreRequest, c chosenGroup) error {
	safety := map[string]string{} // run of the backup → run of what was there before
	if !req.NoSafety {
		var err error
		if whole.SafetyRun, safety, err = r.safetyGroup(ctx, whole.ID, c); err != nil {
			return unchanged(fmt.Errorf("take a safety backup of what is there now (--no-safety goes on without): %w", err))
		}
		if err := r.cfg.Store.PutRestore(ctx, *whole); err != nil { // a crash from here on must not lose the way back
			return unchanged(fmt.Errorf("record the safety backup: %w", err))
		}
	}
	end, err := r.journalGroup(ctx, *whole, c)
	if err != nil {
		return unchanged(fmt.Errorf("write the journal: %w", err))
	}
	defer end()
	var done, left []string
	for i, m := range c.members {
		part := store.Restore{
			ID: store.NewID(), PartOf: whole.ID, RunID: m.manifest.Run, Key: m.manifest.Key, Source: m.target.Name(),
			Project: m.manifest.Project, Service: m.manifest.Service, Job: m.manifest.Job, ToProject: m.project, ToService: m.service,
			State: store.Running, StartedAt: r.now(), RawBytes: m.manifest.Raw.Bytes, SafetyRun: safety[m.manifest.Run],
		}
		r.progress.start(whole.ID, fmt.Sprintf("restoring %s (%d of %d)", m.plan.To, i+1, len(c.members)), part.RawBytes, r.now())
		if err := r.restorePart(ctx, &part, m); err != nil {
			for _, o := range c.members[i+1:] {
				left = append(left, o.plan.To)
			}
			return halfRestored(fmt.Errorf("restore %s: %w", m.plan.To, err), done, left, *whole)
		}
		done = append(done, m.plan.To)
		whole.RawBytes += part.RawBytes
	}
	return nil
}

// halfRestored says what state the services are in after a failure in the middle, and which way leads back.
func halfRestored(err error, done, left []string, whole store.Restore) error {
	if len(done) > 0 {
		err = fmt.Errorf("%w; restored before it: %s", err, strings.Join(done, ", "))
	}
	if len(left) > 0 {
		err = fmt.Errorf("%w; not begun, as they were: %s", err, strings.Join(left, ", "))
	}
	if whole.SafetyRun != "" {
		err = fmt.Errorf("%w; `restore %s --group %s` brings all of them back to what was there before", err, whole.ToProject, whole.SafetyRun)
	}
	return err
}

// restorePart puts one member back, under the locks and the hold of the whole.
func (r *Runner) restorePart(ctx context.Context, part *store.Restore, c chosen) error {
	r.progress.start(part.ID, "restoring", part.RawBytes, r.now())
	defer r.progress.end(part.ID)
	c.options.Token = part.ID
	err := r.cfg.Store.PutRestore(ctx, *part)
	if err == nil {
		var report strategy.Report
		if report, err = r.putBack(ctx, part, c); err == nil {
			err = r.compareRestored(part, c, report)
		}
	}
	r.endRestore(ctx, part, err)
	return err
}

// safetyGroup backs up what is about to be replaced, as one restore point: everything is held. Where no member
// has anything to save there is none.
func (r *Runner) safetyGroup(ctx context.Context, restore string, c chosenGroup) (string, map[string]string, error) {
	if !slices.ContainsFunc(c.members, func(m chosen) bool {
		_, _, err := r.toSave(ctx, m)
		return !errors.Is(err, strategy.ErrNothing)
	}) {
		return "", nil, nil
	}
	row := store.GroupRun{
		ID: store.NewID(), Instance: r.cfg.Store.Instance(), Project: c.members[0].project, Name: c.row.Name, Trigger: triggerSafety,
		State: store.Running, QueuedAt: r.now(), StartedAt: r.now(),
	}
	if err := r.cfg.Store.CreateGroupRun(ctx, row, nil); err != nil {
		return "", nil, err
	}
	saved := map[string]string{}
	var failure error
	for _, m := range c.members {
		r.progress.phase(restore, "safety backup of "+m.plan.To)
		run, err := r.safetyBackup(ctx, m, row.ID)
		if err != nil {
			failure = fmt.Errorf("%s: %w", m.plan.To, err)
			break
		}
		if run != "" { // else there was nothing to save
			saved[m.manifest.Run] = run
		}
	}
	return row.ID, saved, errors.Join(failure, r.finishGroup(ctx, row, nil))
}
