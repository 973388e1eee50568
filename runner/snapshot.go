package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// seen takes one snapshot of the engine: plan it, record it, schedule it.
func (r *Runner) seen(ctx context.Context, infos []strategy.Info) {
	plan := MakePlan(r.cfg.Decoder, infos, Scope{Projects: r.cfg.Projects, Local: r.isLocal}, r.now())
	r.plan.Store(&plan)
	if err := r.record(ctx, plan); err != nil {
		r.log.Error().Err(err).Msg("record what the labels say")
		r.storeErr.Store(err.Error())
		return
	}
	r.storeErr.Store("")
	if err := r.clock.set(ctx, plan.units()); err != nil {
		r.log.Error().Err(err).Msg("schedule jobs")
	}
	r.firstPlan.Do(func() { close(r.planned) })
}

func (r *Runner) isLocal(name string) bool {
	t, ok := r.cfg.Targets.Get(name)
	return ok && t.Local()
}

// record keeps the snapshot in the store, with an event for everything that changed.
func (r *Runner) record(ctx context.Context, plan Plan) error {
	known, err := r.cfg.Store.Jobs(ctx, true)
	if err != nil {
		return fmt.Errorf("read known jobs: %w", err)
	}
	changes, err := r.cfg.Store.PutJobs(ctx, jobRows(plan, known))
	return errors.Join(err,
		r.cfg.Store.PutServices(ctx, r.serviceRows(plan)),
		r.recordProblems(ctx, plan),
		r.recordChanges(ctx, changes))
}

func (r *Runner) serviceRows(plan Plan) []store.Service {
	rows := make([]store.Service, 0, len(plan.Services))
	for _, svc := range plan.Services {
		rows = append(rows, store.Service{
			Project: svc.Project, Service: svc.Service, Container: svc.Container.Name, Image: svc.Container.Image,
			Strategy: svc.Detected, Stateful: svc.Stateful, SeenAt: plan.At,
		})
	}
	return rows
}

// jobRows are the jobs that containers declare: those that can run, and those that a Problem refuses. A refused
// job is still declared: it is not absent, its rpo counts, and nothing of it is pruned.
func jobRows(plan Plan, known []store.Job) []store.Job {
	before := make(map[string]store.Job, len(known))
	for _, row := range known {
		before[row.ID] = row
	}
	rows := make([]store.Job, 0, len(plan.Jobs))
	for _, job := range plan.Jobs {
		rows = append(rows, jobRow(job))
	}
	for _, svc := range plan.Services {
		for _, refused := range svc.Refused {
			id := svc.Project + "/" + svc.Service + "/" + refused.Name
			rows = append(rows, refusedRow(svc.Identity, refused, before[id]))
		}
	}
	return rows
}

// refusedRow keeps what was known of the job before, with the rpo that its labels state now.
func refusedRow(service labels.Identity, refused labels.Refused, was store.Job) store.Job {
	spec := recordedSpec(was)
	spec.RPO, spec.Group = refused.RPO, refused.Group
	text, err := json.Marshal(spec)
	if err != nil { // a struct of strings and numbers always encodes
		text = was.Spec
	}
	return store.Job{
		ID: service.Project + "/" + service.Service + "/" + refused.Name, Project: service.Project, Service: service.Service, Name: refused.Name,
		Declared: true, Refused: true, Strategy: was.Strategy, Spec: text, Fingerprint: was.Fingerprint,
	}
}

func jobRow(job labels.Job) store.Job {
	spec, err := json.Marshal(specOf(job))
	if err != nil { // a struct of strings and numbers always encodes
		spec = nil
	}
	sum := sha256.Sum256(spec)
	return store.Job{
		ID: job.ID(), Project: job.Project, Service: job.Service, Name: job.Name, Strategy: job.Strategy,
		Fingerprint: hex.EncodeToString(sum[:8]), Spec: spec, Declared: true,
	}
}

func (r *Runner) recordProblems(ctx context.Context, plan Plan) error {
	rows := make([]store.Problem, 0, len(plan.Problems)+len(plan.Warnings))
	add := func(p labels.Problem, severity string) {
		rows = append(rows, store.Problem{
			Project: p.Project, Service: p.Service, Job: p.Job, Label: p.Label, Value: p.Value, Why: p.Why,
			Suggestion: p.Suggestion, Severity: severity,
		})
	}
	for _, p := range plan.Problems {
		add(p, "problem")
	}
	for _, w := range plan.Warnings {
		add(labels.Problem(w), "warning")
	}
	r.logNewProblems(rows)
	return r.cfg.Store.PutProblems(ctx, rows)
}

// logNewProblems says each problem once, when it appears.
func (r *Runner) logNewProblems(rows []store.Problem) {
	now := make(map[store.Problem]bool, len(rows))
	for _, p := range rows {
		now[p] = true
		if r.toldProblems[p] {
			continue
		}
		r.log.Warn().Str("service", p.Project+"/"+p.Service).Str("job", p.Job).Str("label", p.Label).Str("value", p.Value).
			Str("remedy", p.Suggestion).Str("severity", p.Severity).Msg(p.Why)
	}
	r.toldProblems = now
}

func (r *Runner) recordChanges(ctx context.Context, changes store.JobChanges) error {
	var errs []error
	tell := func(ids []string, kind, text string) {
		for _, id := range ids {
			r.log.Info().Str("job", id).Msg(text)
			project, service, job := store.SplitJobID(id)
			errs = append(errs, r.cfg.Store.AppendEvent(ctx, store.Event{
				Actor: "labels", Kind: kind, Project: project, Service: service, Job: job, Text: text,
			}))
		}
	}
	tell(changes.Added, "job-added", "job declared")
	tell(changes.Changed, "job-changed", "job's labels changed")
	tell(changes.Returned, "job-returned", "job declared again")
	tell(changes.Absent, "job-absent", "no container declares this job any more; its backups stay")
	return errors.Join(errs...)
}
