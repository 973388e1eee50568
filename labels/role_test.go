package labels

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode_HelpersAreNoServices(t *testing.T) {
	helper := with(Container{Name: "helper", Image: "simpledeploy-backup", Labels: map[string]string{roleLabel: roleHelper}}, volumeAt("/src/0"))
	if services := decoder(t).Decode([]Container{helper}); len(services) != 0 {
		t.Errorf("got %+v", services)
	}
}

func TestDecode_ApplianceIsNoCandidate(t *testing.T) {
	labelled := with(compose("backup", "anything"), volumeAt("/data"))
	labelled.Labels[roleLabel] = roleAppliance
	auto := decoder(t, func(c *Config) { c.Auto = true })
	for name, c := range map[string]Container{
		"by its label":           labelled,
		"by its image":           with(compose("backup", "simpledeploy-backup"), volumeAt("/data")),
		"by its image elsewhere": with(compose("backup", "ghcr.io/simpledeploy/backup:1"), volumeAt("/data")),
	} {
		t.Run(name, func(t *testing.T) {
			svc := one(t, auto, c)
			want := Service{Identity: Identity{"shop", "backup"}, Container: c, Replicas: []Container{c}}
			if diff := cmp.Diff(want, svc); diff != "" {
				t.Errorf("a service without a word on backups (-want +got):\n%s", diff)
			}
		})
	}
	for _, image := range []string{"example/backup", "other-simpledeploy/backup", "restic/simpledeploy-backup-exporter"} {
		if svc := one(t, auto, with(compose("app", image), volumeAt("/data"))); !svc.Stateful {
			t.Errorf("%s is taken for the appliance", image)
		}
	}
}

func TestDecode_LabelsOnTheApplianceAreRefused(t *testing.T) {
	c := with(compose("backup", "simpledeploy-backup", "strategy", "volume"), volumeAt("/data"))
	svc := one(t, decoder(t), c)
	if p := only(t, svc); !strings.Contains(p.Why, "appliance itself") || p.Suggestion == "" {
		t.Errorf("got %+v", p)
	}
	if diff := cmp.Diff([]string{"default"}, refused(svc)); diff != "" {
		t.Error(diff)
	}
}

func TestDecode_OptedOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		want  bool
	}{
		{"nothing said", nil, false},
		{"enable false", []string{"enable", "false"}, true},
		{"enable false beside a job", []string{"enable", "False", "a.schedule", "@daily"}, true},
		{"every job off", []string{"a.enable", "false", "b.enable", "false"}, true},
		{"one job of two off", []string{"a.enable", "false", "b.schedule", "@daily"}, false},
		{"a job that is refused", []string{"schedule", "nonsense"}, false},
		{"enable not understood", []string{"enable", "no"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc := one(t, decoder(t), with(compose("db", "postgres:17", c.pairs...), volumeAt("/data")))
			if svc.OptedOut != c.want || !svc.Stateful {
				t.Errorf("opted out: %t, stateful: %t, problems %+v", svc.OptedOut, svc.Stateful, svc.Problems)
			}
		})
	}
}
