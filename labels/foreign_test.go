package labels

import (
	"strings"
	"testing"
)

// A copy of a running database's files looks like a backup and may not start again, so nothing is guessed.
func TestDecode_AmbiguousIsAProblemThatSaysWhatToWrite(t *testing.T) {
	d := decoder(t, func(c *Config) {
		c.Strategies = append(c.Strategies, Strategy{Name: "other", Available: true, Images: []string{"acme/mysql"}})
	})
	for _, c := range []struct{ name, image, at, why, suggestion string }{
		{"two engines", "acme/mysql:8", "/data", "may be any of mysql, other", "write simpledeploy.backup.strategy=mysql or simpledeploy.backup.strategy=other"},
		{"unknown image over a data folder", "shop-db", "/var/lib/mysql", "where a mysql keeps its files", "strategy=mysql if it is one; if not, simpledeploy.backup.strategy=volume"},
		{"below a data folder", "shop-db", "/var/lib/postgresql/18/docker", "where a postgres keeps its files", "strategy=postgres"},
		{"engine without a strategy", "clickhouse/clickhouse-server:25.8", "/var/lib/clickhouse", "runs ClickHouse", "strategy=exec with a dump-command (docs/recipes/clickhouse.md)"},
		{"search engine", "docker.elastic.co/elasticsearch/elasticsearch:9.2.0", "/usr/share/elasticsearch/data", "runs Elasticsearch", "docs/recipes/elasticsearch.md"},
		{"key-value store", "quay.io/coreos/etcd:v3.6.5", "/etcd-data", "runs etcd", "docs/recipes/etcd.md"},
		{"directory", "osixia/openldap:1.5.0", "/var/lib/ldap", "runs OpenLDAP", "docs/recipes/ldap.md"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := only(t, one(t, d, with(compose("db", c.image, "schedule", "@daily"), volumeAt(c.at))))
			if !strings.Contains(p.Why, c.why) || !strings.Contains(p.Suggestion, c.suggestion) || p.Label != "simpledeploy.backup.strategy" {
				t.Errorf("got %+v, want %q and %q", p, c.why, c.suggestion)
			}
			for _, label := range []string{"volume", "postgres"} {
				if svc := one(t, d, with(compose("db", c.image, "strategy", label), volumeAt(c.at))); len(svc.Jobs) != 1 || svc.Jobs[0].Strategy != label {
					t.Errorf("a label wins: %+v", svc.Problems)
				}
			}
		})
	}
}

func TestDecode_WhatIsNotAmbiguous(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Container
	}{
		{"held while its files are read", with(compose("db", "clickhouse/clickhouse-server", "quiesce", "stop"), volumeAt("/var/lib/clickhouse"))},
		{"held, over a data folder", with(compose("db", "shop-db", "quiesce", "pause"), volumeAt("/var/lib/mysql"))},
		{"paths are named", with(compose("db", "shop-db", "paths", "/var/lib/mysql/uploads"), volumeAt("/var/lib/mysql"))},
		{"what watches an engine", with(compose("x", "prometheuscommunity/elasticsearch-exporter", "enable", "true"), volumeAt("/data"))},
		{"plain data", with(compose("app", "shop-app", "enable", "true"), volumeAt("/data"))},
		{"read-only look at a data folder", with(compose("app", "shop-app", "enable", "true"), volumeAt("/data"),
			Mount{Type: "volume", Name: "pg", Destination: "/var/lib/postgresql/data"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if svc := one(t, decoder(t), c.c); len(svc.Jobs) != 1 || svc.Jobs[0].Strategy != "volume" {
				t.Errorf("got %+v, problems %+v", svc.Jobs, svc.Problems)
			}
		})
	}
}

func TestDecode_VolumeOverAnEngineWithoutAStrategyIsWarnedAbout(t *testing.T) {
	svc := one(t, decoder(t), with(compose("db", "neo4j:5", "strategy", "volume"), volumeAt("/data")))
	if len(svc.Warnings) != 1 || !strings.Contains(svc.Warnings[0].Suggestion, "docs/recipes/neo4j.md") {
		t.Errorf("got %+v", svc.Warnings)
	}
	if len(svc.Suggested) != 2 || !strings.HasPrefix(svc.Suggested[0], "exec: ") {
		t.Errorf("suggested %v", svc.Suggested)
	}
	if svc := one(t, decoder(t), with(compose("db", "neo4j:5", "strategy", "volume", "quiesce", "stop"), volumeAt("/data"))); len(svc.Warnings) != 0 {
		t.Errorf("warned although it is held: %+v", svc.Warnings)
	}
}

func TestDecode_AutoNeverPassesOverAnAmbiguousDatabase(t *testing.T) {
	d := decoder(t, func(c *Config) {
		c.Auto = true
		c.Strategies = append(c.Strategies, Strategy{Name: "other", Available: true, Images: []string{"acme/mysql"}})
	})
	only(t, one(t, d, compose("db", "acme/mysql:8")))
	if svc := one(t, d, compose("app", "nginx")); len(svc.Problems)+len(svc.Jobs) != 0 {
		t.Errorf("nobody asked for nginx: %+v", svc)
	}
}

func TestDecode_Exec(t *testing.T) {
	svc := one(t, decoder(t), compose("db", "etcd", "strategy", "exec", "dump-command", "dump | pack", "restore-command", "load", "extension", "tar.gz"))
	if len(svc.Jobs) != 1 || len(svc.Warnings) != 0 {
		t.Fatalf("problems %+v, warnings %+v", svc.Problems, svc.Warnings)
	}
	if j := svc.Jobs[0]; j.DumpCommand != "dump | pack" || j.RestoreCommand != "load" || j.Extension != ".tar.gz" {
		t.Errorf("got %+v", j)
	}
	svc = one(t, decoder(t), compose("db", "etcd", "strategy", "exec", "dump-command", "dump"))
	if len(svc.Jobs) != 1 || len(svc.Warnings) != 1 || svc.Warnings[0].Label != "simpledeploy.backup.restore-command" {
		t.Errorf("a job that cannot be restored is warned about: %+v %+v", svc.Problems, svc.Warnings)
	}
	for _, c := range []struct{ key, value, label, why, suggestion string }{
		{"enable", "true", "dump-command", "nothing to run", "standard output"},
		{"dump-command", "", "dump-command", "the value is empty", ""},
		{"extension", "../x", "extension", "small letters", ""},
		{"extension", ".json", "extension", "other files on a target", ".dump"},
		{"extension", "tar.partial", "extension", "other files on a target", ".dump"},
		{"databases", "a", "databases", "no effect with the strategy exec", ""},
		{"quiesce", "stop", "quiesce", "no effect with the strategy exec", ""},
	} {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			pairs := []string{"strategy", "exec", c.key, c.value}
			if c.label != "dump-command" {
				pairs = append(pairs, "dump-command", "dump")
			}
			p := only(t, one(t, decoder(t), compose("db", "etcd", pairs...)))
			if p.Label != "simpledeploy.backup."+c.label || !strings.Contains(p.Why, c.why) || !strings.Contains(p.Suggestion, c.suggestion) {
				t.Errorf("got %+v", p)
			}
		})
	}
	p := only(t, one(t, decoder(t), compose("db", "postgres:17", "dump-command", "pg_dump")))
	if !strings.Contains(p.Suggestion, "simpledeploy.backup.strategy=exec") {
		t.Errorf("got %+v", p)
	}
}
