package labels

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityOf(t *testing.T) {
	compose := func(number, oneoff string) map[string]string {
		return map[string]string{composeProject: "shop", composeService: "db", composeNumber: number, composeOneoff: oneoff}
	}
	swarm := func(stack, service, task string) map[string]string {
		return map[string]string{swarmStack: stack, swarmServiceName: service, swarmTaskID: "x1", swarmTaskName: task}
	}
	type result struct {
		Identity
		Number int
		Oneoff bool
	}
	for _, c := range []struct {
		name   string
		labels map[string]string
		want   result
	}{
		{"compose", compose("2", "False"), result{Identity{"shop", "db"}, 2, false}},
		{"one-off", compose("1", "True"), result{Identity{"shop", "db"}, 1, true}},
		{"no compose", nil, result{Identity{"_", "box"}, 1, false}},
		{"labels of a built image, as in docker run shop-db", map[string]string{composeProject: "shop", composeService: "db"}, result{Identity{"_", "box"}, 1, false}},
		{"number without oneoff", map[string]string{composeProject: "shop", composeService: "db", composeNumber: "1"}, result{Identity{"_", "box"}, 1, false}},
		{"oneoff without number", map[string]string{composeProject: "shop", composeService: "db", composeOneoff: "False"}, result{Identity{"_", "box"}, 1, false}},
		{"odd number", compose("first", "False"), result{Identity{"_", "box"}, 1, false}},
		{"odd oneoff", compose("1", "maybe"), result{Identity{"_", "box"}, 1, false}},
		{"swarm replica", swarm("shop", "shop_db", "shop_db.3.abc"), result{Identity{"shop", "db"}, 3, false}},
		{"swarm global", swarm("shop", "shop_db", "shop_db.node1.abc"), result{Identity{"shop", "db"}, 1, false}},
		{"swarm without a stack", swarm("", "db", "db.1.abc"), result{Identity{"_", "db"}, 1, false}},
		{"swarm service name alone", map[string]string{swarmServiceName: "shop_db"}, result{Identity{"_", "box"}, 1, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, number, oneoff := IdentityOf("/box", c.labels)
			if diff := cmp.Diff(c.want, result{id, number, oneoff}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_LowestReplicaStandsForItsService(t *testing.T) {
	second, first, oneoff := compose("db", "postgres:17"), compose("db", "postgres:17", "schedule", "@daily"), compose("db", "postgres:17")
	second.Name, second.Labels[composeNumber] = "shop-db-2", "2"
	oneoff.Name, oneoff.Labels[composeOneoff] = "shop-db-run-1", "True"
	services := decoder(t).Decode([]Container{oneoff, second, first})
	if len(services) != 1 || services[0].Container.Name != "shop-db-1" || len(services[0].Replicas) != 2 || len(services[0].Jobs) != 1 {
		t.Errorf("got %+v", services)
	}
}

// While Compose re-creates a container, the old one keeps its number under a longer name.
func TestDecode_RecreatedContainer(t *testing.T) {
	old, fresh := compose("db", "postgres:16"), compose("db", "postgres:17")
	old.Name = "0a1b2c3d4e5f_shop-db-1"
	if got := decoder(t).Decode([]Container{old, fresh}); got[0].Container.Image != "postgres:17" {
		t.Errorf("chose %s", got[0].Container.Name)
	}
}

func TestDecode_TwoProjectsOfOneNameAreAProblemForBoth(t *testing.T) {
	a, b := compose("db", "postgres:17", "schedule", "@daily"), compose("db", "postgres:17", "schedule", "@daily")
	b.Name, b.Labels[composeWorkingDir] = "shop-db-2", "/home/eve/shop"
	services := decoder(t).Decode([]Container{a, b})
	if len(services) != 1 || len(services[0].Jobs) != 0 {
		t.Fatalf("got %+v", services)
	}
	p := only(t, services[0])
	if want := "containers of different projects claim to be shop/db: /home/eve/shop and /srv/shop"; p.Why != want {
		t.Errorf("why is %q, want %q", p.Why, want)
	}
}
