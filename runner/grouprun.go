package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/store"
)

// groupMember is one job of a group on its way through the phases of a backup.
type groupMember struct {
	run   store.Run
	job   labels.Job
	order []string      // targets that may take its stream
	left  time.Duration // of its timeout: only what its own phases take counts
	b     *backup       // once it is prepared
	err   error         // why it brings no backup; a failed member goes through no further phase
}

// phase takes the member through one step of the work, within what is left of its timeout, and keeps the reason when
// that fails.
func (m *groupMember) phase(ctx context.Context, f func(ctx context.Context) error) {
	if m.err != nil {
		return
	}
	limit := &timeoutError{fmt.Sprintf("the job's timeout of %s has passed; set the label timeout to allow more", m.job.Timeout)}
	bounded, cancel := context.WithTimeoutCause(ctx, m.left, limit)
	defer cancel()
	began := time.Now()
	m.fail(bounded, f(bounded))
	m.left = max(0, m.left-time.Since(began))
}

// fail settles what the failure is called while it is known what the context died of.
func (m *groupMember) fail(ctx context.Context, err error) {
	if err == nil || m.err != nil {
		return
	}
	cause, told := causeOf(ctx, err)
	if told.Error() != err.Error() {
		told = fmt.Errorf("%w (it met: %w)", told, err)
	}
	m.err = failed(cause, false, told)
}

// executeGroup does one recorded group run from its queue to its end.
func (r *Runner) executeGroup(ctx context.Context, id string, g Group) {
	defer r.progress.end(id)
	row, err := r.cfg.Store.GroupRun(ctx, id)
	if err == nil && row.State != store.Queued {
		return // done already
	}
	var members []*groupMember
	if err == nil {
		members, err = r.beginGroup(ctx, &row, g)
	}
	if err != nil {
		r.log.Error().Err(err).Str("group", g.Project+"/"+g.Name).Str("run", id).Msg("begin a group run")
		r.storeErr.Store(err.Error())
		return
	}
	notBack := r.backUpGroup(ctx, &row, members)
	for _, m := range members {
		if m.err == nil {
			r.progress.phase(m.run.ID, "copying")
			r.progress.phase(id, "copying "+m.job.ID())
			m.phase(ctx, func(ctx context.Context) error { r.copyAll(ctx, &m.run); return nil })
		}
		r.finish(context.WithoutCancel(ctx), &m.run, m.err)
		r.progress.end(m.run.ID)
	}
	if err := r.finishGroup(ctx, row, notBack); err != nil {
		r.log.Error().Err(err).Str("group", g.Project+"/"+g.Name).Str("run", id).Msg("record the end of a group run")
		r.storeErr.Store(err.Error())
	}
}

// beginGroup records that the group and its members are under way. Members whose job is gone meanwhile are skipped.
func (r *Runner) beginGroup(ctx context.Context, row *store.GroupRun, queued Group) ([]*groupMember, error) {
	runs, err := r.cfg.Store.GroupMembers(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	plan := r.Snapshot()
	now, _ := plan.group(row.Project, row.Name)
	row.State, row.StartedAt, row.Refused = store.Running, r.now(), now.Refused
	if row.Warnings, err = r.leftGroup(ctx, *row, runs); err != nil { // it only looks for what to warn of
		r.log.Warn().Err(err).Str("group", row.Project+"/"+row.Name).Msg("compare with the group's last run")
	}
	if err := r.cfg.Store.UpdateGroupRun(ctx, *row); err != nil {
		return nil, err
	}
	r.progress.start(row.ID, "checking", 0, r.now())
	var members []*groupMember
	for _, run := range runs {
		if run.State != store.Queued {
			continue
		}
		job, ok := plan.find(run.JobID()) // the labels may have changed while it waited
		if i := slices.IndexFunc(queued.Jobs, func(j labels.Job) bool { return j.ID() == run.JobID() }); !ok && i >= 0 {
			job, ok = queued.Jobs[i], true
		}
		if !ok {
			r.skipAbsent(ctx, run)
			r.progress.end(run.ID)
			continue
		}
		r.begin(ctx, &run, job, row.StartedAt)
		members = append(members, &groupMember{run: run, job: job, left: job.Timeout})
	}
	return members, nil
}

// leftGroup warns of jobs that were in the group's run before this one and are not any more: a restore point without
// them may be meant, or the work of a slip.
func (r *Runner) leftGroup(ctx context.Context, row store.GroupRun, runs []store.Run) ([]string, error) {
	before, _, err := r.cfg.Store.GroupRuns(ctx, store.Filter{Project: row.Project, Group: row.Name, Limit: 10})
	if err != nil {
		return nil, err
	}
	for _, g := range before { // newest first
		if g.ID == row.ID || g.State == store.Skipped || g.Trigger == triggerSafety || g.QueuedAt.After(row.QueuedAt) {
			continue
		}
		were, err := r.cfg.Store.GroupMembers(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		var warnings []string
		for _, was := range were {
			in := func(run store.Run) bool { return run.JobID() == was.JobID() }
			if !slices.ContainsFunc(runs, in) && !slices.Contains(row.Refused, was.JobID()) {
				warnings = append(warnings, was.JobID()+" was in the last run of this group and is not in it any more")
			}
		}
		return warnings, nil
	}
	return nil, nil
}

// backUpGroup takes all members through each phase together: what they hold is held from before the first dump until
// after the last one, so that all of them are of one moment. A member that fails leaves the others alone. The error is
// about containers that could not be brought back.
func (r *Runner) backUpGroup(ctx context.Context, row *store.GroupRun, members []*groupMember) error {
	held := slices.ContainsFunc(members, func(m *groupMember) bool { return m.job.Holds() })
	declared := slices.Clone(row.Refused)
	for _, m := range members {
		declared = append(declared, m.job.ID())
	}
	slices.Sort(declared)
	for _, m := range members {
		r.prepareMember(ctx, m, held)
		if m.b != nil {
			m.b.group = declared
		}
	}
	for _, m := range members {
		m.phase(ctx, func(ctx context.Context) error { return r.pre(ctx, m.b) })
	}
	release := r.holdGroup(ctx, row, members)
	for i, m := range members {
		r.progress.phase(row.ID, "dumping "+m.job.ID())
		last := !slices.ContainsFunc(members[i+1:], func(o *groupMember) bool { return o.err == nil })
		r.dumpMember(ctx, m, release, last)
	}
	r.progress.phase(row.ID, "bringing containers back")
	notBack := release()
	if errors.Is(notBack, errNotHeld) {
		r.failHeld(ctx, members, notBack)
	}
	for _, m := range members {
		if m.b != nil && m.err == nil {
			r.post(ctx, m.b, stateDumped)
		} else if m.b != nil {
			r.post(ctx, m.b, stateFailed)
		}
	}
	for _, m := range members {
		m.phase(ctx, func(ctx context.Context) error { return r.seal(ctx, m.b) })
	}
	return notBack
}

// prepareMember finds the member's container and target. Nothing is held yet, so there is time to try again.
func (r *Runner) prepareMember(ctx context.Context, m *groupMember, held bool) {
	m.phase(ctx, func(ctx context.Context) error {
		for tries, pause := 0, firstBackoff; ; tries, pause = tries+1, pause*4 {
			m.run.Attempt++
			m.order = r.orderHeld(m.job, held)
			var err error
			if m.b, err = r.prepare(ctx, &m.run, m.job, m.order); err == nil || tries >= m.job.Retries || !worthRetry(ctx, err) {
				return err
			}
			r.log.Warn().Err(err).Str("job", m.job.ID()).Str("run", m.run.ID).Int("attempt", m.run.Attempt).Msg("attempt failed; trying again")
			r.progress.phase(m.run.ID, "waiting to try again")
			select {
			case <-ctx.Done():
				return err
			case <-time.After(pause):
			}
		}
	})
	r.progress.phase(m.run.ID, "waiting for the group")
}

// holdGroup holds what the members hold, all in one, so that what depends on one another goes down and comes back in
// the right order. When that fails each is held for itself, so that a member that cannot be held fails alone. The
// returned function brings all back and does its work once.
func (r *Runner) holdGroup(ctx context.Context, row *store.GroupRun, members []*groupMember) func() error {
	var holding []*groupMember
	for _, m := range members {
		if m.job.Holds() {
			// It may be another container by now. Nothing is held yet, so that this is not a failed hold.
			m.phase(ctx, func(ctx context.Context) error { return r.findSource(ctx, m.b) })
		}
		if m.job.Holds() && m.err == nil {
			holding = append(holding, m)
		}
	}
	if len(holding) == 0 {
		return func() error { return nil }
	}
	row.HeldAt = r.now()
	r.progress.phase(row.ID, "holding containers")
	releases := r.holdTogether(ctx, row.ID, holding)
	for _, m := range holding {
		m.phase(ctx, func(ctx context.Context) error { r.noteWriters(ctx, m.b); return nil })
		if m.b.info.State == "running" {
			m.b.info.State = "held" // so that nobody takes it for one that went away
		}
	}
	for _, m := range members {
		m.phase(ctx, func(ctx context.Context) error { return r.stillRuns(ctx, m.b) })
	}
	return sync.OnceValue(func() error {
		var errs []error
		for _, release := range slices.Backward(releases) {
			errs = append(errs, release())
		}
		row.ReleasedAt = r.now()
		for _, m := range holding {
			m.run.ReleasedAt = row.ReleasedAt
		}
		return errors.Join(errs...)
	})
}

// stillRuns refuses a member that is dumped by a command inside its container, and that went down with what the group
// holds because it depends on it.
func (r *Runner) stillRuns(ctx context.Context, b *backup) error {
	if b.entry.Files {
		return nil
	}
	now, err := r.cfg.Engine.Inspect(ctx, b.info.ID)
	if err != nil {
		return failed(causeContainer, false, err)
	}
	if now.State != "running" {
		return failed(causeHold, false, fmt.Errorf("%s is %s while the group holds its members: it depends on one of them, and %s needs it running; use quiesce=pause there, or take it out of the group",
			now.Name, now.State, b.entry.Name))
	}
	return nil
}

// holdTogether returns how to bring back what it held.
func (r *Runner) holdTogether(ctx context.Context, id string, holding []*groupMember) (releases []func() error) {
	var all []member
	of := map[*groupMember][]member{}
	for _, m := range holding {
		m.phase(ctx, func(ctx context.Context) (err error) {
			if of[m], err = r.membersOf(ctx, m.job); err != nil {
				return failed(causeHold, false, err)
			}
			return nil
		})
		all = append(all, of[m]...)
	}
	release, err := r.holdMembers(ctx, id, all)
	if err == nil {
		return []func() error{release}
	}
	if back := release(); len(holding) == 1 || ctx.Err() != nil || back != nil {
		for _, m := range holding {
			m.fail(ctx, failed(causeHold, false, errors.Join(err, back)))
		}
		return nil
	}
	r.log.Warn().Err(err).Str("run", id).Msg("the containers of a group could not be held together; trying each by itself")
	for _, m := range holding {
		release, err := r.holdMembers(ctx, id, of[m])
		if err != nil {
			m.fail(ctx, failed(causeHold, false, errors.Join(err, release())))
			continue
		}
		releases = append(releases, release)
	}
	return releases
}

// dumpMember streams one member. A target that fails in the middle gives way to the next one at once: others are held
// meanwhile. The last member's dump lets the containers go before its upload has ended.
func (r *Runner) dumpMember(ctx context.Context, m *groupMember, release func() error, last bool) {
	m.phase(ctx, func(ctx context.Context) error {
		for {
			// With another target left the dump may have to be taken again, of the same moment.
			early := last && len(m.order) == 1
			err := r.dump(ctx, m.b, func() error {
				if early {
					_ = release() // told when it is called again
				}
				return nil
			})
			left := without(m.order, failedTarget(err))
			if err == nil || ctx.Err() != nil || len(left) == 0 || len(left) == len(m.order) {
				return err
			}
			r.log.Warn().Err(err).Str("job", m.job.ID()).Str("run", m.run.ID).Str("next", left[0]).Msg("a target failed; the next one takes the stream")
			m.run.Attempt++
			m.order = left
			if m.b.dst, err = r.firstFit(ctx, m.job, left); err != nil {
				return err
			}
		}
	})
	r.progress.phase(m.run.ID, "waiting for the group")
}

// failHeld fails the members that were to be held: a container of theirs was started in the middle, so that what was
// read may be of no one moment.
func (r *Runner) failHeld(ctx context.Context, members []*groupMember, err error) {
	for _, m := range members {
		if m.b != nil && m.err == nil && m.job.Holds() {
			r.cleanUp(ctx, m.b)
			m.fail(ctx, failed(causeHold, false, err))
		}
	}
}
