package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
)

// replicasOf are the service's containers, the one with the lowest number first.
func replicasOf(infos []strategy.Info, project, service string) []strategy.Info {
	number := func(info strategy.Info) int { _, n, _ := labels.IdentityOf(info.Name, info.Labels); return n }
	out := slices.DeleteFunc(slices.Clone(infos), func(info strategy.Info) bool {
		id, _, oneoff := labels.IdentityOf(info.Name, info.Labels)
		return oneoff || id.Project != project || id.Service != service
	})
	slices.SortStableFunc(out, func(a, b strategy.Info) int { return cmp.Compare(number(a), number(b)) })
	return out
}

// lowest is the service's container with the lowest number.
func lowest(infos []strategy.Info, project, service string) (strategy.Info, bool) {
	if all := replicasOf(infos, project, service); len(all) > 0 {
		return all[0], true
	}
	return strategy.Info{}, false
}

// membersOf are what a job holds while its files are read: every running replica of its service, as any of them may
// write to the same files.
func (r *Runner) membersOf(ctx context.Context, job labels.Job) ([]member, error) {
	if !job.Holds() {
		return nil, nil
	}
	infos, err := r.cfg.Engine.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var members []member
	for _, replica := range replicasOf(infos, job.Project, job.Service) {
		if replica.State != "running" {
			continue
		}
		info, err := r.cfg.Engine.Inspect(ctx, replica.ID)
		if errors.Is(err, strategy.ErrNoContainer) {
			continue
		}
		if err != nil {
			return nil, err
		}
		members = append(members, member{info: info, how: job.Quiesce, grace: job.StopTimeout})
	}
	return members, nil
}

// noteWriters warns of containers that go on writing to what the job reads, though its own are held by now. A failed
// look fails nothing: it is a warning as well.
func (r *Runner) noteWriters(ctx context.Context, b *backup) {
	if !b.job.Holds() {
		return
	}
	mounts := readFrom(b.info, b.job.Paths)
	if len(mounts) == 0 {
		return
	}
	users, err := r.cfg.Engine.MountedBy(ctx, mounts)
	if err != nil {
		b.notes = append(b.notes, fmt.Sprintf("could not look for other containers that write to the same files: %v", err))
		return
	}
	for _, user := range users {
		if user.State != "running" {
			continue // paused
		}
		if m, ok := writesTo(user, mounts); ok {
			b.notes = append(b.notes, fmt.Sprintf("%s also writes to %s and was not held: give it depends_on, or a group with this job", user.Name, cmp.Or(m.Name, m.Source)))
		}
	}
}

// readFrom are the mounts that hold the paths; with no paths those that a file job reads of itself.
func readFrom(info strategy.Info, paths []string) []strategy.Mount {
	dir := info.Labels["com.docker.compose.project.working_dir"]
	return slices.DeleteFunc(mountsOf(info, paths), func(m strategy.Mount) bool {
		return len(paths) == 0 && m.Type == "bind" && (dir == "" || !below(m.Source, dir))
	})
}

// writesTo is the first of the mounts that the container may write to.
func writesTo(info strategy.Info, mounts []strategy.Mount) (strategy.Mount, bool) {
	for _, m := range mounts {
		for _, theirs := range info.Mounts {
			same := m.Type == "volume" && theirs.Type == "volume" && m.Name != "" && m.Name == theirs.Name
			related := m.Source != "" && theirs.Source != "" && theirs.Source != "/" && (below(theirs.Source, m.Source) || below(m.Source, theirs.Source))
			if theirs.ReadWrite && (same || related) {
				return m, true
			}
		}
	}
	return strategy.Mount{}, false
}

// below says whether a path is a folder or something in it.
func below(p, folder string) bool {
	p, folder = path.Clean(p), path.Clean(folder)
	return p == folder || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

// stopsIn names what a hold stops: services, and where more than one container of a service goes down, each of them.
func stopsIn(order []held) []string {
	names := servicesOf(order)
	count := map[string]int{}
	for _, name := range names {
		count[name]++
	}
	for i, h := range order {
		if count[names[i]] > 1 {
			names[i] += " (" + h.info.Name + ")"
		}
	}
	return names
}
