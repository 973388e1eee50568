package runner

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/strategy"
)

// service is a running container "project/service" of Compose; depends is its label, shares whose namespaces it lives in.
func service(name, depends string, shares ...string) strategy.Info {
	project, short, _ := strings.Cut(name, "/")
	info := strategy.Info{ID: "id-of-" + name, Name: name, State: "running", Shares: shares, Labels: map[string]string{
		"com.docker.compose.project": project, "com.docker.compose.service": short,
		"com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
	}}
	if depends != "" {
		info.Labels[dependsLabel] = depends
	}
	return info
}

func down(info strategy.Info) strategy.Info {
	info.State = "exited"
	return info
}

func labelled(info strategy.Info, key, value string) strategy.Info {
	info.Labels[key] = value
	return info
}

func TestHoldOrder_WhatNeedsAContainerIsHeldBeforeIt(t *testing.T) {
	db := service("shop/db", "")
	for _, c := range []struct {
		name    string
		how     string
		infos   []strategy.Info
		members []strategy.Info // besides db
		want    []string
	}{
		{"nobody needs it", "stop", []strategy.Info{db, service("shop/web", "")}, nil, []string{"shop/db"}},
		{"depends on it", "stop", []strategy.Info{db, service("shop/web", "db:service_started:false")}, nil, []string{"shop/web", "shop/db"}},
		{"an older label without conditions", "stop", []strategy.Info{db, service("shop/web", "cache, db")}, nil, []string{"shop/web", "shop/db"}},
		{"over several steps, by whatever name order", "stop", []strategy.Info{
			service("shop/a-web", "b-api:service_started:false"), service("shop/b-api", "db:service_healthy:true"), service("shop/c-proxy", "a-web:service_started:false,b-api:service_started:false"), db,
		}, nil, []string{"shop/c-proxy", "shop/a-web", "shop/b-api", "shop/db"}},
		{"over one that does not run", "stop", []strategy.Info{db, down(service("shop/api", "db:service_started:false")), service("shop/web", "api:service_started:false")}, nil, []string{"shop/web", "shop/db"}},
		{"of another project", "stop", []strategy.Info{db, service("blog/web", "db:service_started:false"), service("blog/db", "")}, nil, []string{"shop/db"}},
		{"run beside the service", "stop", []strategy.Info{db, labelled(service("shop/web", "db:service_started:false"), "com.docker.compose.oneoff", "True")}, nil, []string{"shop/db"}},
		{"in its network, from another project", "stop", []strategy.Info{db, service("blog/web", "", db.ID)}, nil, []string{"blog/web", "shop/db"}},
		{"in its network, by name", "stop", []strategy.Info{db, service("shop/web", "", "shop/db")}, nil, []string{"shop/web", "shop/db"}},
		{"in a network of one that depends on it", "stop", []strategy.Info{db, service("shop/vpn", "db:service_started:false"), service("shop/web", "", "shop/vpn")}, nil, []string{"shop/web", "shop/vpn", "shop/db"}},
		{"a circle ends", "stop", []strategy.Info{labelled(db, dependsLabel, "web"), service("shop/web", "db")}, nil, []string{"shop/web", "shop/db"}},
		{"itself", "stop", []strategy.Info{labelled(service("shop/db", ""), dependsLabel, "db")}, nil, []string{"shop/db"}},
		{"a pause takes nothing away", "pause", []strategy.Info{db, service("shop/web", "db:service_started:false")}, nil, []string{"shop/db"}},
		{"two members, one needs the other", "stop", []strategy.Info{db, service("shop/web", "db:service_started:false")}, []strategy.Info{service("shop/web", "")}, []string{"shop/web", "shop/db"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			members := []member{{info: db, how: c.how}}
			for _, m := range c.members {
				members = append(members, member{info: m, how: "pause"})
			}
			var got []string
			for _, h := range holdOrder(c.infos, members) {
				got = append(got, h.info.Name)
				if h.info.ID != db.ID && h.how != "stop" {
					t.Errorf("%s is held by %s", h.info.Name, h.how)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHoldOrder_OneThatDoesNotRunIsLeftAloneWithAllThatNeedsIt(t *testing.T) {
	db := down(service("shop/db", ""))
	if got := holdOrder([]strategy.Info{db, service("shop/web", "db")}, []member{{info: db, how: "stop"}}); len(got) > 0 {
		t.Errorf("held: %+v", got)
	}
}

func TestHoldOrder_KnowsWhatHasToBeHealthyFirst(t *testing.T) {
	db, cache := service("shop/db", ""), service("shop/cache", "")
	order := holdOrder([]strategy.Info{db, cache, service("shop/web", "db:service_healthy:false,cache:service_healthy:false")}, []member{{info: db, how: "stop"}})
	note := order[0].note(0, time.Now())
	if !slices.Equal(note.Healthy, []string{db.ID}) || !slices.Equal(note.Needs, []string{db.ID}) {
		t.Errorf("web comes back after %v, which must be healthy: %v; want db alone, the cache was not touched", note.Needs, note.Healthy)
	}
}
