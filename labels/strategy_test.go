package labels

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode_WhatComesLaterIsNeverAcceptedWithoutEffect(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"encryption", "age"}, {"encryption", "AGE"}, {"verify", "readback"}, {"drill", "each"}, {"drill-command", "true"},
		{"notify", "always"}, {"ping", "x"},
		{"strategy", "mongo"}, {"strategy", "sqlite"},
	} {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			p := only(t, one(t, decoder(t), with(compose("db", "postgres:17", c.key, c.value), volumeAt("/data"))))
			if p.Why != "not available in this version" || p.Label != "simpledeploy.backup."+c.key {
				t.Errorf("got %+v", p)
			}
		})
	}
}

// To make a part available is to change one word in the table; everything behind it is there.
func TestDecode_WhatComesLaterIsReadyToBeTurnedOn(t *testing.T) {
	d := decoder(t, func(c *Config) {
		c.Pings = []string{"hc"}
		for i := range c.Strategies {
			c.Strategies[i].Available = true
		}
	})
	for i := range d.keys {
		d.keys[i].Available, d.keys[i].later = true, nil
	}
	c := compose("db", "anything", "strategy", "exec", "dump-command", "dump", "restore-command", "load", "extension", "txt", "pre", "a", "post", "b",
		"hook-timeout", "1m", "group", "g", "notify", "Always", "ping", "HC", "drill", "@weekly", "drill-command", "c", "encryption", "age", "verify", "readback")
	svc := one(t, d, c)
	if len(svc.Problems) > 0 {
		t.Fatalf("problems: %+v", svc.Problems)
	}
	j := svc.Jobs[0]
	got := []string{j.Strategy, j.DumpCommand, j.RestoreCommand, j.Extension, j.Pre, j.Post, j.HookTimeout.String(), j.Group, j.Notify, j.Ping, j.Drill, j.DrillCommand, j.Encryption, j.Verify}
	want := []string{"exec", "dump", "load", ".txt", "a", "b", "1m0s", "g", "always", "hc", "@weekly", "c", "age", "readback"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for key, value := range map[string]string{"group": "A B", "notify": "sometimes", "ping": "nobody", "drill": "@dayly", "extension": "../x"} {
		only(t, one(t, d, compose("db", "postgres", key, value)))
	}
	if svc := one(t, d, compose("db", "mariadb:11", "strategy", "mariadb")); len(svc.Jobs) != 1 || svc.Jobs[0].Strategy != "mysql" {
		t.Errorf("mysql and mariadb name one strategy: %+v", svc)
	}
	files := with(compose("db", "app", "strategy", "sqlite", "paths", "/data/*.db"), volumeAt("/data"))
	if svc := one(t, d, files); len(svc.Jobs) != 1 {
		t.Errorf("sqlite takes patterns: %+v", svc.Problems)
	}
}

func TestDecode_KnownDatabaseIsNeverAVolumeJobByDefault(t *testing.T) {
	p := only(t, one(t, decoder(t), with(compose("db", "mongo:8", "schedule", "@daily"), volumeAt("/data/db"))))
	if p.Why != "the image mongo:8 is a mongo, and that strategy is not available in this version" || !strings.Contains(p.Suggestion, "strategy=volume with simpledeploy.backup.quiesce=stop") {
		t.Errorf("got %+v", p)
	}
}

// Once a tag has moved to another image, some engines show a container's image by its id alone. A database must not
// turn into a volume job because of that.
func TestDecode_ImageWithoutANameIsNotGuessedAt(t *testing.T) {
	c := with(compose("db", "sha256:0000000000000000000000000000000000000000000000000000000000000000", "schedule", "@daily"), volumeAt("/data"))
	if p := only(t, one(t, decoder(t), c)); !strings.Contains(p.Why, "no name any more") {
		t.Errorf("got %+v", p)
	}
	c.Labels["simpledeploy.backup.strategy"] = "volume"
	if svc := one(t, decoder(t), c); len(svc.Jobs) != 1 {
		t.Errorf("a label says what it is: %+v", svc.Problems)
	}
}

func TestDecode_VolumeOverADatabaseIsWarnedAbout(t *testing.T) {
	d := decoder(t)
	for _, c := range []struct {
		name, image, quiesce, at, why, suggestion string
	}{
		{"known engine", "postgres:17", "none", "/var/lib/postgresql/data", "running postgres", "simpledeploy.backup.strategy=postgres, or simpledeploy.backup.quiesce=stop"},
		{"known engine, stopped", "postgres:17", "stop", "/var/lib/postgresql/data", "its own dump", "simpledeploy.backup.strategy=postgres"},
		{"engine of a later version", "mongo:8", "none", "/data/db", "running mongo", "quiesce=stop until the strategy mongo is available"},
		{"image that nobody knows", "shop-db", "none", "/var/lib/mysql", "/var/lib/mysql holds the files of a mysql", "strategy=mysql"},
		{"image that nobody knows, stopped", "shop-db", "stop", "/var/lib/mysql", "", ""},
		{"plain data", "shop-app", "none", "/data", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc := one(t, d, with(compose("db", c.image, "strategy", "volume", "quiesce", c.quiesce), volumeAt(c.at)))
			if len(svc.Jobs) != 1 {
				t.Fatalf("problems: %+v", svc.Problems)
			}
			if c.why == "" {
				if len(svc.Warnings) != 0 {
					t.Errorf("warned: %+v", svc.Warnings)
				}
				return
			}
			if len(svc.Warnings) != 1 || !strings.Contains(svc.Warnings[0].Why, c.why) || !strings.Contains(svc.Warnings[0].Suggestion, c.suggestion) {
				t.Errorf("got %+v, want %q and %q", svc.Warnings, c.why, c.suggestion)
			}
		})
	}
}

func TestDecode_VolumeSharedWithADatabaseIsWarnedAbout(t *testing.T) {
	db, side := with(compose("db", "postgres:17"), volumeAt("/pg")), with(compose("side", "busybox", "quiesce", "stop"), volumeAt("/mnt"))
	services := decoder(t).Decode([]Container{db, side})
	if w := services[1].Warnings; len(w) != 1 || !strings.Contains(w[0].Suggestion, "strategy=postgres on the container that runs the database") {
		t.Errorf("got %+v", w)
	}
}

// Volumes without a name, in a file that never ran, are not one and the same.
func TestDecode_NamelessVolumesAreNotShared(t *testing.T) {
	nameless := Mount{Type: "volume", Destination: "/mnt", ReadWrite: true}
	db, side := with(compose("db", "postgres:17"), nameless), with(compose("side", "busybox", "enable", "true"), nameless)
	if services := decoder(t).Decode([]Container{db, side}); len(services[1].Warnings) != 0 {
		t.Errorf("got %+v", services[1].Warnings)
	}
}

func TestDecode_OtherWarnings(t *testing.T) {
	svc := one(t, decoder(t), compose("db", "mysql:8", "strategy", "postgres", "rpo", "1h"))
	if len(svc.Jobs) != 1 || len(svc.Warnings) != 2 {
		t.Fatalf("got %+v", svc)
	}
	if !strings.Contains(svc.Warnings[0].Why, "runs are 1d apart") || !strings.Contains(svc.Warnings[1].Why, "looks like a mysql") {
		t.Errorf("got %+v", svc.Warnings)
	}
}

func TestDecode_Paths(t *testing.T) {
	bind := func(source, at string) Mount {
		return Mount{Type: "bind", Source: source, Destination: at, ReadWrite: true}
	}
	tmpfs := Mount{Type: "tmpfs", Destination: "/cache", ReadWrite: true}
	for _, c := range []struct {
		name   string
		paths  string
		mounts []Mount
		want   []string
		why    string
	}{
		{"on a volume", "/data", []Mount{volumeAt("/data")}, []string{"/data"}, ""},
		{"below a volume", "/data/x/../y/", []Mount{volumeAt("/data")}, []string{"/data/y"}, ""},
		{"bind outside the project, named", "/photos", []Mount{bind("/mnt/photos", "/photos")}, []string{"/photos"}, ""},
		{"nested on one mount", "/data,/data/y", []Mount{volumeAt("/data")}, []string{"/data"}, ""},
		{"nested mounts", "/data,/data/y", []Mount{volumeAt("/data"), volumeAt("/data/y")}, []string{"/data", "/data/y"}, ""},
		{"in the container's own layer", "/etc", []Mount{volumeAt("/data")}, nil, "/etc is on no mount"},
		{"above a mount", "/", []Mount{volumeAt("/data")}, nil, "/ is on no mount"},
		{"a neighbour's name", "/database", []Mount{volumeAt("/data")}, nil, "/database is on no mount"},
		{"out of the mount", "/data/../etc", []Mount{volumeAt("/data")}, nil, "/etc is on no mount"},
		{"in memory", "/cache/x", []Mount{tmpfs}, nil, "tmpfs"},
		{"relative", "data", []Mount{volumeAt("/data")}, nil, "not an absolute path"},
		{"nothing at all", "", nil, nil, "there is nothing to back up"},
		{"bind outside the project", "", []Mount{bind("/mnt/photos", "/photos")}, nil, "there is nothing to back up"},
		{"a neighbour of the project", "", []Mount{bind("/srv/shop2", "/photos")}, nil, "there is nothing to back up"},
		{"a socket", "", []Mount{bind("/srv/shop/docker.sock", "/docker.sock")}, nil, "there is nothing to back up"},
		{"bind below the project", "", []Mount{bind("/srv/shop/data", "/photos")}, nil, ""},
		{"volume", "", []Mount{volumeAt("/data")}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairs := []string{"strategy", "volume"}
			if c.paths != "" {
				pairs = append(pairs, "paths", c.paths)
			}
			svc := one(t, decoder(t), with(compose("app", "shop-app", pairs...), c.mounts...))
			if c.why != "" {
				if p := only(t, svc); !strings.Contains(p.Why, c.why) {
					t.Errorf("got %+v, want %q", p, c.why)
				}
				return
			}
			if len(svc.Jobs) != 1 {
				t.Fatalf("problems: %+v", svc.Problems)
			}
			if diff := cmp.Diff(c.want, svc.Jobs[0].Paths); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_NothingToBackUp(t *testing.T) {
	p := only(t, one(t, decoder(t), compose("web", "nginx", "enable", "true")))
	if !strings.Contains(p.Why, "there is nothing to back up") || p.Label != "simpledeploy.backup.strategy" {
		t.Errorf("got %+v", p)
	}
}

func TestDecode_Stateful(t *testing.T) {
	readOnly := Mount{Type: "bind", Source: "/srv/shop/nginx.conf", Destination: "/etc/nginx.conf"}
	for _, c := range []struct {
		c    Container
		want bool
	}{
		{compose("db", "mysql:8"), true},
		{with(compose("app", "x"), volumeAt("/data")), true},
		{with(compose("app", "x"), readOnly), false},
		{with(compose("app", "x"), Mount{Type: "tmpfs", Destination: "/t", ReadWrite: true}), false},
		{with(compose("app", "x"), Mount{Type: "bind", Source: "/var/run/docker.sock", Destination: "/d", ReadWrite: true}), false},
		{with(compose("app", "prom/mysqld-exporter")), false},
	} {
		if got := one(t, decoder(t), c.c).Stateful; got != c.want {
			t.Errorf("%s with %+v: stateful is %t", c.c.Image, c.c.Mounts, got)
		}
	}
}

// An unnamed key may be meant for one of several jobs only.
func TestDecode_InheritedKeyThatFitsOnlyOneJob(t *testing.T) {
	svc := one(t, decoder(t), with(compose("db", "postgres:17", "quiesce", "stop", "dump.schedule", "@daily", "files.strategy", "volume"), volumeAt("/v")))
	if len(svc.Jobs) != 2 || svc.Jobs[0].Quiesce != "none" || svc.Jobs[1].Quiesce != "stop" {
		t.Errorf("got %+v %+v", svc.Jobs, svc.Problems)
	}
	svc = one(t, decoder(t), compose("db", "postgres:17", "quiesce", "stop", "a.schedule", "@daily", "b.schedule", "@weekly"))
	if p := only(t, svc); p.Job != "" || !strings.Contains(p.Why, "no effect") {
		t.Errorf("got %+v", p)
	}
}

func TestDecode_SwarmIsNeverHeld(t *testing.T) {
	c := with(compose("app", "x", "quiesce", "stop"), volumeAt("/data"))
	c.Labels[swarmServiceName], c.Labels[swarmTaskID], c.Labels[swarmStack] = "shop_app", "t1", "shop"
	if p := only(t, one(t, decoder(t), c)); !strings.Contains(p.Why, "Swarm") {
		t.Errorf("got %+v", p)
	}
}
