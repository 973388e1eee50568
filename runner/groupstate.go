package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/store"
)

// enqueueGroup records a group run with a run of each member, and queues it as one. A tick that finds the group busy
// or the schedule paused is recorded as skipped, as one. It returns the ids of the members' runs.
func (r *Runner) enqueueGroup(ctx context.Context, g Group, trigger string, at time.Time, keep bool) ([]string, error) {
	row := store.GroupRun{
		ID: store.NewID(), Instance: r.cfg.Store.Instance(), Project: g.Project, Name: g.Name, Trigger: trigger,
		State: store.Queued, ScheduledFor: at, QueuedAt: r.now(), Refused: g.Refused,
	}
	cause, why := r.whySkip(g.id(), trigger)
	if why != "" {
		row.State, row.Cause, row.Error, row.FinishedAt = store.Skipped, cause, why, row.QueuedAt
		r.log.Warn().Str("group", g.Project+"/"+g.Name).Str("run", row.ID).Msg("group run skipped: " + why)
	}
	runs, ids := make([]store.Run, 0, len(g.Jobs)), make([]string, 0, len(g.Jobs))
	for _, job := range g.Jobs {
		run := r.newRun(job, trigger, at, keep)
		run.State, run.Cause, run.Error, run.FinishedAt = row.State, row.Cause, row.Error, row.FinishedAt
		runs, ids = append(runs, run), append(ids, run.ID)
	}
	if err := r.cfg.Store.CreateGroupRun(ctx, row, runs); err != nil {
		return nil, fmt.Errorf("record a run of the group %s/%s: %w", g.Project, g.Name, err)
	}
	if row.State == store.Queued {
		r.submitGroup(row.ID, g, ids)
	}
	return ids, nil
}

// submitGroup queues the work of a recorded group run: one slot, and the locks of all that its members touch.
func (r *Runner) submitGroup(id string, g Group, runs []string) {
	ctx, cancel := context.WithTimeout(r.queue.ctx, checkTimeout)
	defer cancel()
	t := &task{id: id, jobs: []string{g.id()}, locks: r.locksOf(ctx, g.Jobs...)}
	t.do = func(ctx context.Context) { r.executeGroup(ctx, id, g) }
	for _, job := range g.Jobs {
		t.jobs = append(t.jobs, job.ID())
	}
	for _, run := range append([]string{id}, runs...) {
		r.progress.start(run, "queued", 0, r.now())
	}
	r.queue.submit(t)
}

// finishGroup records what became of a group run, by what the record now says of its members, and says it once.
// notBack is what could not be brought back.
func (r *Runner) finishGroup(ctx context.Context, row store.GroupRun, notBack error) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	r.settling.Lock()
	defer r.settling.Unlock()
	row.FinishedAt = r.now()
	return r.settleGroup(last, row, notBack)
}

// resettleGroup looks at an ended group run again after one of its runs changed: a copy caught up. r.settling is held.
func (r *Runner) resettleGroup(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	row, err := r.cfg.Store.GroupRun(ctx, id)
	if err != nil || row.FinishedAt.IsZero() || row.Cause == causeHold {
		return err
	}
	return r.settleGroup(ctx, row, nil)
}

func (r *Runner) settleGroup(ctx context.Context, row store.GroupRun, notBack error) error {
	runs, err := r.cfg.Store.GroupMembers(ctx, row.ID)
	if err != nil {
		return err
	}
	before := row.State
	settleGroupState(&row, runs, notBack)
	if err := r.cfg.Store.UpdateGroupRun(ctx, row); err != nil {
		return err
	}
	if row.State != before {
		r.tellGroup(ctx, row)
	}
	return nil
}

// settleGroupState says what the runs of the members make of the group's. A restore point that lacks one declared
// member is none, whatever kept it out.
func settleGroupState(row *store.GroupRun, runs []store.Run, notBack error) {
	var why []string
	row.State, row.Cause = store.Succeeded, ""
	for _, id := range row.Refused {
		row.State, row.Cause = store.Failed, causeRefused
		why = append(why, id+" is in this group and was refused by a problem with its labels")
	}
	if notBack != nil {
		row.State, row.Cause = store.Failed, causeHold
		why = append(why, notBack.Error())
	}
	for _, run := range runs {
		switch {
		case run.State == store.Succeeded:
			continue
		case run.State == store.Interrupted:
			row.State = store.Interrupted
		case run.State == store.Partial:
			if row.State == store.Succeeded {
				row.State = store.Partial
			}
		case row.State != store.Interrupted:
			row.State = store.Failed
		}
		if row.Cause == "" {
			row.Cause = run.Cause
		}
		why = append(why, run.JobID()+" is "+run.State+": "+run.Error)
	}
	row.Error = strings.Join(why, "; ")
}

// tellGroup writes the one log line and the event of a group run's end.
func (r *Runner) tellGroup(ctx context.Context, row store.GroupRun) {
	line := r.log.Info()
	if row.State != store.Succeeded {
		line = r.log.Error()
	}
	line.Str("group", row.Project+"/"+row.Name).Str("run", row.ID).Str("state", row.State).Str("cause", row.Cause).
		Str("trigger", row.Trigger).Dur("took", row.FinishedAt.Sub(row.StartedAt)).Dur("held", row.ReleasedAt.Sub(row.HeldAt)).
		Strs("warnings", row.Warnings).Str("error", row.Error).Msg("group run " + row.State)
	text := "run of the group " + row.Name + " " + row.State
	if row.Error != "" {
		text += ": " + row.Error
	}
	if err := r.cfg.Store.AppendEvent(ctx, store.Event{
		Actor: row.Trigger, Kind: "group-" + row.State, Project: row.Project, RunID: row.ID, Text: text,
	}); err != nil {
		r.log.Error().Err(err).Str("run", row.ID).Msg("record an event")
	}
}

// requeueGroups queues again what waited when the last process ended, and catches up a scheduled group run that died,
// once and as one.
func (r *Runner) requeueGroups(ctx context.Context, plan Plan) {
	waiting, err := r.cfg.Store.QueuedGroups(ctx)
	if err != nil {
		r.log.Error().Err(err).Msg("read the group runs that wait")
	}
	for _, row := range waiting {
		r.requeueGroup(ctx, plan, row)
	}
	for _, row := range r.interruptedGroups {
		g, ok := plan.group(row.Project, row.Name)
		if !ok || len(g.Jobs) == 0 || row.Trigger != "schedule" || !r.cfg.CatchUp || r.queue.busy(g.id()) {
			continue // a catch-up that died is not caught up again: it may be what kills us
		}
		newest, _, err := r.cfg.Store.GroupRuns(ctx, store.Filter{Project: row.Project, Group: row.Name, Limit: 1})
		if err != nil || len(newest) == 0 || newest[0].ID != row.ID || newest[0].State != store.Interrupted {
			continue
		}
		if _, err := r.enqueueGroup(ctx, g, "catch-up", row.ScheduledFor, false); err != nil {
			r.log.Error().Err(err).Str("group", row.Project+"/"+row.Name).Msg("catch up an interrupted group run")
		}
	}
}

// requeueGroup queues one group run again with the members that it was recorded with.
func (r *Runner) requeueGroup(ctx context.Context, plan Plan, row store.GroupRun) {
	runs, err := r.cfg.Store.GroupMembers(ctx, row.ID)
	if err != nil {
		r.log.Error().Err(err).Str("run", row.ID).Msg("queue a group run again")
		return
	}
	g := Group{Project: row.Project, Name: row.Name}
	var ids []string
	for _, run := range runs {
		if job, ok := plan.find(run.JobID()); ok && run.State == store.Queued {
			g.Jobs, ids = append(g.Jobs, job), append(ids, run.ID)
		}
	}
	r.submitGroup(row.ID, g, ids)
}

// settleInterruptedGroups looks at what the members left: all of them may have been whole already.
func (r *Runner) settleInterruptedGroups(ctx context.Context, rows []store.GroupRun) error {
	r.settling.Lock()
	defer r.settling.Unlock()
	for _, row := range rows {
		runs, err := r.cfg.Store.GroupMembers(ctx, row.ID)
		if err != nil {
			return err
		}
		died := func(run store.Run) bool { return run.State != store.Succeeded && run.State != store.Partial }
		if slices.ContainsFunc(runs, died) {
			r.log.Warn().Str("group", row.Project+"/"+row.Name).Str("run", row.ID).Msg("a group run was interrupted by the appliance's last end")
			continue
		}
		if err := r.settleGroup(ctx, row, nil); err != nil {
			return fmt.Errorf("settle the interrupted group run %s: %w", row.ID, err)
		}
	}
	r.interruptedGroups = rows
	return nil
}
