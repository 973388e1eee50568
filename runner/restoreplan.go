package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/store"
)

// chosen is everything that a restore works with, checked.
type chosen struct {
	plan     RestorePlan
	target   *target.Target
	manifest target.Manifest
	entry    strategy.Entry
	info     strategy.Info // the container that takes it
	options  strategy.Options
	stops    []strategy.Info
	project  string // where to
	service  string
}

// PlanRestore finds the backup, checks that it can be restored, and says what a restore would do.
func (r *Runner) PlanRestore(ctx context.Context, req RestoreRequest) (RestorePlan, error) {
	c, err := r.choose(ctx, req)
	if err != nil {
		return RestorePlan{}, err
	}
	r.planSafety(ctx, &c)
	if note := aloneNote(c.manifest); note != "" {
		c.plan.Notes = append(c.plan.Notes, note)
	}
	return c.plan, nil
}

// aloneNote is what the owner should know who restores one backup of a restore point by itself.
func aloneNote(m target.Manifest) string {
	if m.GroupRun == "" || len(m.GroupMembers) < 2 {
		return ""
	}
	return fmt.Sprintf("the backup is a member of group run %s of the group %s; restoring it alone does not bring the others to the same moment, nor stop them meanwhile: `restore %s --group %s` does",
		m.GroupRun, m.Group, m.Project, m.GroupRun)
}

func (r *Runner) choose(ctx context.Context, req RestoreRequest) (chosen, error) {
	t, m, err := r.findForRestore(ctx, req)
	if err != nil {
		return chosen{}, err
	}
	c := chosen{target: t, manifest: m, project: req.ToProject, service: req.ToService}
	if c.project == "" {
		c.project, c.service = req.Project, req.Service
	}
	if err := r.checkObject(ctx, &c); err != nil {
		return chosen{}, err
	}
	if err := r.checkDestination(ctx, &c); err != nil {
		return chosen{}, err
	}
	c.plan = RestorePlan{
		RunID: m.Run, Target: t.Name(), Key: m.Key, TakenAt: m.StartedAt, Strategy: c.entry.Name,
		From: m.Project + "/" + m.Service + "/" + m.Job, To: c.project + "/" + c.service,
		StoredBytes: m.Stored.Bytes, RawBytes: m.Raw.Bytes, Safety: !req.NoSafety, Notes: c.notes(),
	}
	note := shrunkWarning(m.Warnings)
	if note == "" && req.From != "" {
		note = shrunkThere(ctx, t, m)
	}
	if note != "" {
		c.plan.Notes = slices.Insert(c.plan.Notes, 0, "this backup "+note)
	}
	for _, info := range c.stops {
		c.plan.Stops = append(c.plan.Stops, info.Name)
	}
	return c, nil
}

// findForRestore names the backup and a target that holds it: by the record, or with From by the manifests there.
func (r *Runner) findForRestore(ctx context.Context, req RestoreRequest) (*target.Target, target.Manifest, error) {
	if req.From != "" {
		t, ok := r.cfg.Targets.Get(req.From)
		if !ok {
			return nil, target.Manifest{}, &NotFoundError{What: fmt.Sprintf("no target %s; there are: %s", req.From, strings.Join(r.cfg.Targets.Names(), ", "))}
		}
		sel := Selector{Instance: req.Instance, Project: req.Project, Service: req.Service, Job: req.Job, RunID: req.RunID, At: req.At}
		if sel.Instance == "" {
			sel.Instance = r.cfg.Store.Instance()
		}
		m, err := FindBackup(ctx, t, sel)
		return t, m, err
	}
	run, err := r.recordedBackup(ctx, req)
	if err != nil {
		return nil, target.Manifest{}, err
	}
	return r.readable(ctx, run)
}

// recordedBackup chooses a run from the record.
func (r *Runner) recordedBackup(ctx context.Context, req RestoreRequest) (store.Run, error) {
	if req.RunID != "" {
		run, err := r.cfg.Store.Run(ctx, req.RunID)
		if errors.Is(err, store.ErrNotFound) {
			return run, &NotFoundError{What: "no run " + req.RunID + " in the record; `history` lists them, `--from TARGET` reads a target instead"}
		}
		if err != nil {
			return run, err
		}
		if req.Project != "" && (run.Project != req.Project || run.Service != req.Service) {
			return run, &RefusedError{Why: fmt.Sprintf("run %s is of %s/%s, not of %s/%s; name its own service, and --to for another one", run.ID, run.Project, run.Service, req.Project, req.Service)}
		}
		return run, nil
	}
	job, err := r.onlyJob(ctx, req)
	if err != nil {
		return store.Run{}, err
	}
	runs, err := r.cfg.Store.Backups(ctx, job)
	if err != nil {
		return store.Run{}, err
	}
	latest := req.At
	if latest.IsZero() {
		latest = r.now().Add(time.Minute) // a backup dated in the future is taken only when it is named
	}
	for _, run := range runs { // newest first
		if run.Trigger != triggerSafety && !run.StartedAt.After(latest) {
			return run, nil
		}
	}
	return store.Run{}, &NotFoundError{What: "no backup of " + job + " is held" + sinceWhen(req) + "; `history " + job + "` shows its runs. Backups that an earlier record knew are found with --from TARGET (targets: " + strings.Join(r.cfg.Targets.Names(), ", ") + ")"}
}

func sinceWhen(req RestoreRequest) string {
	if req.At.IsZero() {
		return ""
	}
	return " that was taken before " + req.At.UTC().Format("2006-01-02T15:04:05Z")
}

// onlyJob is the job that a request without a job name can only mean.
func (r *Runner) onlyJob(ctx context.Context, req RestoreRequest) (string, error) {
	if req.Job != "" {
		return req.Project + "/" + req.Service + "/" + req.Job, nil
	}
	rows, err := r.cfg.Store.Jobs(ctx, true)
	if err != nil {
		return "", err
	}
	var names, all []string
	for _, row := range rows {
		all = append(all, row.ID)
		if row.Project == req.Project && row.Service == req.Service {
			names = append(names, row.ID)
		}
	}
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", &NotFoundError{What: fmt.Sprintf("no job of %s/%s is known; known are: %s", req.Project, req.Service, strings.Join(all, ", "))}
	}
	return "", &RefusedError{Why: "say which job: " + strings.Join(names, ", ")}
}

// readable finds a target that holds the run's object and its manifest, local ones first.
func (r *Runner) readable(ctx context.Context, run store.Run) (*target.Target, target.Manifest, error) {
	var held []store.Artifact
	for _, a := range run.Artifacts {
		if a.Held() {
			held = append(held, a)
		}
	}
	if len(held) == 0 {
		return nil, target.Manifest{}, &NotFoundError{What: fmt.Sprintf("run %s (%s) left no backup that is still held", run.ID, run.State)}
	}
	slices.SortStableFunc(held, func(a, b store.Artifact) int {
		return cmp.Compare(boolInt(!r.isLocal(a.Target)), boolInt(!r.isLocal(b.Target)))
	})
	var errs []error
	for _, a := range held {
		t, ok := r.cfg.Targets.Get(a.Target)
		if !ok {
			errs = append(errs, fmt.Errorf("target %s is not configured any more", a.Target))
			continue
		}
		m, _, err := readManifest(ctx, t, a.Key)
		if err == nil && m.Stored.SHA256 != run.SHA256 {
			err = fmt.Errorf("the manifest of %s on %s does not fit the record: its object has another hash", a.Key, a.Target)
		}
		if err == nil {
			return t, m, nil
		}
		errs = append(errs, err)
	}
	return nil, target.Manifest{}, fmt.Errorf("read the backup of run %s: %w", run.ID, errors.Join(errs...))
}

// checkObject sees that the object is there and whole in size, and that this version can read it.
func (r *Runner) checkObject(ctx context.Context, c *chosen) error {
	entry, ok := r.entry(c.manifest.Strategy)
	if !ok || !entry.Available {
		return &RefusedError{Why: fmt.Sprintf("the backup was made by strategy %q, which this version does not have", c.manifest.Strategy)}
	}
	c.entry = entry
	if _, err := algorithmOf(c.manifest); err != nil {
		return &RefusedError{Why: err.Error()}
	}
	stat, err := c.target.Stat(ctx, c.manifest.Key)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	if stat.Bytes != c.manifest.Stored.Bytes {
		return &RefusedError{Why: fmt.Sprintf("%s on %s is damaged: it has %d bytes, its manifest says %d; choose another with --run or --from",
			c.manifest.Key, c.target.Name(), stat.Bytes, c.manifest.Stored.Bytes)}
	}
	return nil
}

// checkDestination sees that the container there can take it, and whom to stop meanwhile.
func (r *Runner) checkDestination(ctx context.Context, c *chosen) error {
	if len(r.cfg.Projects) > 0 && !slices.Contains(r.cfg.Projects, c.project) {
		return &RefusedError{Why: fmt.Sprintf("project %s is not in this appliance's scope (%s); widen SIMPLEDEPLOY_PROJECTS", c.project, strings.Join(r.cfg.Projects, ", "))}
	}
	info, err := r.resolve(ctx, c.project, c.service)
	if errors.Is(err, strategy.ErrNoContainer) {
		return &NotFoundError{What: fmt.Sprintf("%s/%s has no container here to restore into; start the service first, or use --to-dir or --stdout", c.project, c.service)}
	}
	if err != nil {
		return err
	}
	if err := fit(c.entry, info); err != nil {
		return &RefusedError{Why: err.Error()}
	}
	if err := r.refuseOwnData(c.entry, info, pathsOf(c.manifest)); err != nil {
		return &RefusedError{Why: err.Error()}
	}
	if c.entry.Files {
		if err := havePlace(info, pathsOf(c.manifest)); err != nil {
			return &RefusedError{Why: err.Error()}
		}
	}
	c.info = info
	c.options = r.restoreOptions(c)
	if checker, ok := c.entry.Strategy.(strategy.RestoreChecker); ok {
		if err := checker.CanRestore(ctx, r.cfg.Engine.Container(c.info), c.options); err != nil {
			return &RefusedError{Why: fmt.Sprintf("restore %s/%s: %v", c.project, c.service, err)}
		}
	}
	if c.entry.Stop {
		if c.stops, err = r.whomToStop(ctx, mountsOf(info, pathsOf(c.manifest))); err != nil {
			return err
		}
	}
	return r.checkVersion(ctx, c)
}

// whomToStop are the containers that use the mounts, and those that need one of them, in the order in which they stop.
func (r *Runner) whomToStop(ctx context.Context, mounts []strategy.Mount) ([]strategy.Info, error) {
	users, err := r.cfg.Engine.MountedBy(ctx, mounts)
	if err != nil {
		return nil, fmt.Errorf("look for containers that share the volumes: %w", err)
	}
	order, err := r.planHold(ctx, stopped(users))
	if err != nil {
		return nil, &RefusedError{Why: err.Error()}
	}
	stops := make([]strategy.Info, 0, len(order))
	for _, h := range order {
		if err := mayHold(h.info, h.how); err != nil {
			return nil, &RefusedError{Why: err.Error()}
		}
		stops = append(stops, h.info)
	}
	return stops, nil
}

// stopped are members that are to be stopped.
func stopped(infos []strategy.Info) []member {
	members := make([]member, 0, len(infos))
	for _, info := range infos {
		members = append(members, member{info: info, how: "stop"})
	}
	return members
}

// checkVersion refuses an engine older than the one that the backup came from.
func (r *Runner) checkVersion(ctx context.Context, c *chosen) error {
	v, ok := c.entry.Strategy.(strategy.Versioner)
	if !ok || c.manifest.EngineVersion == "" {
		return nil
	}
	now, err := v.Version(ctx, r.cfg.Engine.Container(c.info), c.options)
	if err != nil {
		return fmt.Errorf("ask %s/%s for its version: %w", c.project, c.service, err)
	}
	if major(now) < major(c.manifest.EngineVersion) {
		return &RefusedError{Why: fmt.Sprintf("%s/%s runs version %s, the backup was taken from %s: an older engine may not read it; restore into the same version or a newer one",
			c.project, c.service, now, c.manifest.EngineVersion)}
	}
	return nil
}

// major is the number before the first dot.
func major(version string) int {
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(version, ".", 2)[0]))
	if err != nil {
		return 0
	}
	return n
}

// restoreOptions are what was dumped, by the manifest, with the way in that the destination's own labels give.
func (r *Runner) restoreOptions(c *chosen) strategy.Options {
	opt := strategy.Options{Databases: c.manifest.Databases, Paths: c.manifest.Paths, Exclude: c.manifest.Exclude, Size: c.manifest.Raw.Bytes}
	for _, f := range c.manifest.Files {
		opt.Files = append(opt.Files, strategy.File(f))
	}
	named := false
	for _, job := range r.Snapshot().Jobs {
		if job.Project == c.project && job.Service == c.service && job.Strategy == c.entry.Name && !named {
			opt.User, opt.PasswordEnv, opt.PasswordFile = job.User, job.PasswordEnv, job.PasswordFile
			opt.RestoreCommand = job.RestoreCommand
			named = job.Name == c.manifest.Job // of several jobs the backup's own knows best
		}
	}
	return opt
}

// notes is what the owner should know before he says yes.
func (c chosen) notes() []string {
	var out []string
	if c.manifest.ImageDigest != "" && c.info.ImageDigest != "" && c.manifest.ImageDigest != c.info.ImageDigest {
		out = append(out, "the service runs another image now ("+c.info.Image+") than when the backup was taken ("+c.manifest.Image+")")
	}
	if others := slices.DeleteFunc(slices.Clone(c.manifest.Warnings), Shrunk); len(others) > 0 {
		out = append(out, "warnings of the backup: "+strings.Join(others, "; "))
	}
	if !c.entry.Stages {
		out = append(out, "the object is read twice: once to check it, once to restore it")
	}
	return out
}

// pathsOf are the places that a restore of the backup writes to; nil: every volume.
func pathsOf(m target.Manifest) []string {
	if len(m.Files) == 0 {
		return m.Paths
	}
	var paths []string
	for _, f := range m.Files {
		paths = append(paths, f.Path)
	}
	return paths
}

// mountsOf are the mounts of a container that hold the paths; with no paths all of its volumes and binds.
func mountsOf(info strategy.Info, paths []string) []strategy.Mount {
	var out []strategy.Mount
	for _, m := range info.Mounts {
		if m.Type != "volume" && m.Type != "bind" {
			continue
		}
		holds := len(paths) == 0
		for _, p := range paths {
			holds = holds || p == m.Destination || strings.HasPrefix(p, strings.TrimSuffix(m.Destination, "/")+"/") ||
				strings.HasPrefix(m.Destination, strings.TrimSuffix(p, "/")+"/")
		}
		if holds {
			out = append(out, m)
		}
	}
	return out
}
