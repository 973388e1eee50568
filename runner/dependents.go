package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/labels"
	"github.com/simpledeploy/backup/runner/strategy"
)

// dependsLabel is where Compose writes what a service depends on: "db:service_healthy:false,cache:service_started:true".
const dependsLabel = "com.docker.compose.depends_on"

// need is one container that another one cannot do without.
type need struct {
	id      string
	healthy bool // it waits until that one is healthy
	shares  bool // it lives in a namespace of that one, and is cut off when that one stops
}

// needsOf says for every container which others it needs: those whose namespaces it lives in, wherever they are, and
// those that its service depends on in its own project. What somebody runs beside a service needs nothing of it.
func needsOf(infos []strategy.Info) map[string][]need {
	services := map[labels.Identity][]string{}
	for _, info := range infos {
		if id, _, oneoff := labels.IdentityOf(info.Name, info.Labels); !oneoff {
			services[id] = append(services[id], info.ID)
		}
	}
	out := map[string][]need{}
	for _, info := range infos {
		for _, name := range info.Shares {
			for _, host := range infos {
				if host.ID != info.ID && (host.ID == name || host.Name == name || len(name) >= 12 && strings.HasPrefix(host.ID, name)) {
					out[info.ID] = append(out[info.ID], need{id: host.ID, shares: true})
				}
			}
		}
		id, _, oneoff := labels.IdentityOf(info.Name, info.Labels)
		if oneoff || id.Project == outsideCompose {
			continue
		}
		for service, healthy := range dependsOn(info.Labels[dependsLabel]) {
			for _, other := range services[labels.Identity{Project: id.Project, Service: service}] {
				if other != info.ID {
					out[info.ID] = append(out[info.ID], need{id: other, healthy: healthy})
				}
			}
		}
	}
	return out
}

// outsideCompose is the project of containers that belong to none.
const outsideCompose = "_"

// dependsOn reads the label: the services, and whether each has to be healthy first.
func dependsOn(label string) map[string]bool {
	out := map[string]bool{}
	for part := range strings.SplitSeq(label, ",") {
		fields := strings.Split(strings.TrimSpace(part), ":")
		if fields[0] != "" {
			out[fields[0]] = len(fields) > 1 && fields[1] == "service_healthy"
		}
	}
	return out
}

// held is one container of a hold, with those of the same hold that have to be there before it comes back.
type held struct {
	member
	needs []need
}

// holdOrder is everything that holding the members touches, in the order in which it is held: whatever needs a
// container that is stopped is stopped before it, however many steps away. A pause takes nothing away from others.
// Containers that are not running are left out: they are as they will be.
func holdOrder(infos []strategy.Info, members []member) []held {
	needs := needsOf(infos)
	byID, wanted := map[string]strategy.Info{}, map[string]member{}
	for _, info := range infos {
		byID[info.ID] = info
	}
	for _, m := range members {
		byID[m.info.ID] = m.info
		wanted[m.info.ID] = m
	}
	var order []held
	seen := map[string]bool{}
	var visit func(m member)
	visit = func(m member) {
		if seen[m.info.ID] {
			return
		}
		seen[m.info.ID] = true
		if m.how == "stop" {
			for _, info := range infos {
				if slices.ContainsFunc(needs[info.ID], func(n need) bool { return n.id == m.info.ID }) {
					dependent := wanted[info.ID] // its own grace period, where it is a member itself
					dependent.info, dependent.how = byID[info.ID], "stop"
					visit(dependent)
				}
			}
		}
		order = append(order, held{member: m, needs: needs[m.info.ID]})
	}
	for _, how := range []string{"stop", "pause"} { // what has to be stopped for another's sake is not paused
		for _, m := range members {
			if m.info.State == "running" && m.how == how {
				visit(m)
			}
		}
	}
	order = slices.DeleteFunc(order, func(h held) bool { return h.info.State != "running" })
	for i, h := range order { // only what is touched has to be waited for
		order[i].needs = slices.DeleteFunc(slices.Clone(h.needs), func(n need) bool {
			return !slices.ContainsFunc(order, func(o held) bool { return o.info.ID == n.id })
		})
	}
	return order
}

// planHold looks at the engine as it is now and says what holding the members touches, in order.
func (r *Runner) planHold(ctx context.Context, members []member) ([]held, error) {
	var infos []strategy.Info
	if slices.ContainsFunc(members, func(m member) bool { return m.how == "stop" }) {
		var err error
		if infos, err = r.inspectRunning(ctx); err != nil {
			return nil, fmt.Errorf("look for what depends on it: %w", err)
		}
	}
	return r.holdAmong(infos, members)
}

// holdAmong is planHold on containers that were looked at before. Whoever depends on a container, we do not: a backup
// that stops itself brings nobody back.
func (r *Runner) holdAmong(infos []strategy.Info, members []member) ([]held, error) {
	members = slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.how == "" || m.how == "none" })
	order := holdOrder(infos, members)
	if r.cfg.Own == nil {
		return order, nil
	}
	own, ok := r.cfg.Own()
	if !ok {
		return order, nil
	}
	for _, h := range order {
		if h.info.ID == own.ID && slices.ContainsFunc(h.needs, func(n need) bool { return n.shares }) {
			return nil, errors.New("this appliance lives in its network: stopping it would cut off the backup; use quiesce=pause, or give the appliance a network of its own")
		}
	}
	return slices.DeleteFunc(order, func(h held) bool { return h.info.ID == own.ID }), nil
}

// inspectRunning lists all containers; of those that run it knows whose namespaces they live in.
func (r *Runner) inspectRunning(ctx context.Context) ([]strategy.Info, error) {
	infos, err := r.cfg.Engine.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for i, info := range infos {
		if info.State != "running" && info.State != "paused" {
			continue
		}
		full, err := r.cfg.Engine.Inspect(ctx, info.ID)
		if err != nil && !errors.Is(err, strategy.ErrNoContainer) {
			return nil, err
		}
		if err == nil {
			infos[i] = full
		}
	}
	return infos, nil
}

// locksOf are the services that holding the members touches, and those of the jobs themselves: nobody else works on
// them meanwhile. An engine that does not answer now will not let the run hold anything either.
func (r *Runner) locksOf(ctx context.Context, jobs ...labels.Job) []string {
	var locks []string
	var members []member
	for _, job := range jobs {
		locks = append(locks, job.Project+"/"+job.Service)
		if job.Quiesce != "stop" {
			continue
		}
		if replicas, err := r.membersOf(ctx, job); err == nil {
			members = append(members, replicas...)
		}
	}
	if order, err := r.planHold(ctx, members); err == nil {
		locks = append(locks, servicesOf(order)...)
	}
	slices.Sort(locks)
	return slices.Compact(locks)
}

func servicesOf(order []held) []string {
	out := make([]string, 0, len(order))
	for _, h := range order {
		id, _, _ := labels.IdentityOf(h.info.Name, h.info.Labels)
		out = append(out, id.Project+"/"+id.Service)
	}
	return out
}
