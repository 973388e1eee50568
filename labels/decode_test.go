package labels

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecode_DefaultsOfALabelledDatabase(t *testing.T) {
	svc := one(t, decoder(t), compose("db", "postgres:17", "retention", "daily=7 weekly=4"))
	want := []Job{{
		Identity: Identity{"shop", "db"}, Name: "default", Strategy: "postgres", Schedule: schedule(t, "0 2 * * *", "UTC"),
		Targets: []string{"local"}, Quorum: 1, Retention: Retention{Daily: 7, Weekly: 4}, Quiesce: "none",
		HookTimeout: 5 * time.Minute, Timeout: 6 * time.Hour, Compression: Compression{"zstd", "default"},
		Encryption: "none", Verify: "size", Retries: 2,
		Labels: map[string]string{"simpledeploy.backup.retention": "daily=7 weekly=4"},
	}}
	if diff := cmp.Diff(want, svc.Jobs); diff != "" {
		t.Error(diff)
	}
	if svc.Detected != "postgres" || !svc.Stateful || len(svc.Problems)+len(svc.Warnings) != 0 {
		t.Errorf("got %+v", svc)
	}
}

func TestDecode_EveryKey(t *testing.T) {
	c := with(compose("app", "shop-app",
		"enable", " true ", "strategy", "volume", "paths", "/data/b, /data/a", "exclude", "*.tmp,cache/**", "schedule", "@every 6h",
		"timezone", "Europe/Berlin", "jitter", "5m", "retries", "0", "timeout", "2h", "rpo", "1d", "target", "offsite,B2,local",
		"quorum", "2", "retention", "14d", "quiesce", "Stop", "stop-timeout", "30s", "compression", "zstd:best", "encryption", "none",
		"verify", "size"), volumeAt("/data"))
	svc := one(t, decoder(t), c)
	if len(svc.Jobs) != 1 {
		t.Fatalf("problems: %+v", svc.Problems)
	}
	got := svc.Jobs[0]
	got.Labels = nil
	want := Job{
		Identity: Identity{"shop", "app"}, Name: "default", Strategy: "volume", Schedule: schedule(t, "@every 6h", "Europe/Berlin"),
		Jitter: 5 * time.Minute, Targets: []string{"offsite", "b2", "local"}, Quorum: 2, Retention: Retention{Within: 14 * day},
		Paths: []string{"/data/a", "/data/b"}, Exclude: []string{"*.tmp", "cache/**"}, Quiesce: "stop", StopTimeout: 30 * time.Second,
		HookTimeout: 5 * time.Minute, Timeout: 2 * time.Hour, Compression: Compression{"zstd", "best"}, Encryption: "none",
		Verify: "size", RPO: day,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	svc = one(t, decoder(t), compose("db", "postgres:17",
		"databases", "shop, users", "user", "backup", "password-env", "DB_PASS", "password-file", "/run/secrets/db"))
	if len(svc.Jobs) != 1 {
		t.Fatalf("problems: %+v", svc.Problems)
	}
	job := svc.Jobs[0]
	if diff := cmp.Diff([]any{[]string{"shop", "users"}, "backup", "DB_PASS", "/run/secrets/db"},
		[]any{job.Databases, job.User, job.PasswordEnv, job.PasswordFile}); diff != "" {
		t.Error(diff)
	}
}

func TestDecode_EachMistakeIsOneProblem(t *testing.T) {
	for _, c := range []struct{ key, value, why, suggestion string }{
		{"shedule", "@daily", "unknown key", "did you mean simpledeploy.backup.schedule?"},
		{"Schedule", "@daily", "unknown key", "did you mean simpledeploy.backup.schedule?"},
		{"nonsense", "x", "unknown key", "docs/reference/labels.md"},
		{"schedule", "@dayly", "unknown word", "did you mean @daily?"},
		{"schedule", "", "empty", "take the label out"},
		{"schedule", "*/5 * * * * *", "five fields", "there are no seconds"},
		{"timezone", "Mars/Olympus", "not a time zone", "IANA"},
		{"jitter", "24h", "not shorter than the time between two runs", "shorter"},
		{"retries", "many", "whole number", ""},
		{"retries", "11", "from 0 to 10", ""},
		{"timeout", "0", "longer than 0", ""},
		{"timeout", "10", "without a unit", "10m"},
		{"rpo", "-1d", "negative", ""},
		{"target", "s3", "no target called", "set SIMPLEDEPLOY_TARGET_S3"},
		{"target", "ofsite", "no target called", "did you mean offsite?"},
		{"target", "local,local", "named twice", ""},
		{"target", ",", "list is empty", ""},
		{"quorum", "2", "more than the 1 targets", "write all"},
		{"quorum", "0", "from 1", ""},
		{"retention", "0", "keep nothing", "keep at least 1"},
		{"retention", "dayly=7", "unknown rule", "did you mean daily?"},
		{"enable", "off", "neither true nor false", "did you mean false?"},
		{"enable", "maybe", "neither true nor false", "write true or false"},
		{"strategy", "postgrez", "unknown strategy", "did you mean postgres?"},
		{"compression", "lz4", "unknown value", "write one of"},
		{"compression", "zstd:fast", "unknown level", "write one of fastest"},
		{"compression", "gzip:9", "no levels", "gzip alone"},
		{"encryption", "gpg", "unknown value", ""},
		{"verify", "sizes", "unknown value", "did you mean size?"},
		{"databases", "all,shop", "all stands among names", ""},
		{"databases", "-h", "cannot be a database's name", ""},
		{"user", "--help", "cannot be an account's name", ""},
		{"password-env", "not a name", "not a variable's name", "POSTGRES_PASSWORD"},
		{"password-file", "secrets/db", "not an absolute path", "/run/secrets"},
		{"paths", "/data", "no effect with the strategy postgres", "take it out"},
		{"exclude", "*.tmp", "no effect with the strategy postgres", "take it out"},
		{"quiesce", "stop", "no effect with the strategy postgres", "take it out"},
		{"stop-timeout", "5s", "no effect with the strategy postgres", "take it out"},
		{"a.b.c", "x", "unknown key", ""},
		{"nightly.x.schedule", "@daily", "at most a job's name and a key", ""},
		{"schedule.target", "local", "a job cannot be called like a key", "simpledeploy.backup.schedule"},
		{"Night_ly.schedule", "@daily", "a job's name has small letters", ""},
		{strings.Repeat("n", 33) + ".schedule", "@daily", "a job's name has small letters", ""},
	} {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			if c.key == "a.b.c" {
				c.why = "at most a job's name"
			}
			p := only(t, one(t, decoder(t), compose("db", "postgres:17", c.key, c.value)))
			if !strings.Contains(p.Why, c.why) || !strings.Contains(p.Suggestion, c.suggestion) {
				t.Errorf("got %+v, want %q and %q", p, c.why, c.suggestion)
			}
			if p.Label != "simpledeploy.backup."+c.key || p.Identity != (Identity{"shop", "db"}) {
				t.Errorf("the problem names %s of %s", p.Label, p.Identity)
			}
		})
	}
}

func TestDecode_MisspeltPrefix(t *testing.T) {
	for label, want := range map[string]string{
		"simpledeploy.bakcup.schedule":  "did you mean simpledeploy.backup.schedule?",
		"simpledeploy.backups.schedule": "did you mean simpledeploy.backup.schedule?",
		"SimpleDeploy.Backup.schedule":  "did you mean simpledeploy.backup.schedule?",
		"simpledeploy.backup":           "did you mean simpledeploy.backup.enable?",
		"simpledeploy.schedule":         "did you mean simpledeploy.backup.schedule?",
		"simpledeploy.retention":        "did you mean simpledeploy.backup.retention?",
		"simpldeploy.backup.schedule":   "did you mean simpledeploy.backup.schedule?",
		"simpledeploy-backup.schedule":  "did you mean simpledeploy.backup.schedule?",
	} {
		c := compose("db", "postgres:17")
		c.Labels[label] = "@daily"
		if p := only(t, one(t, decoder(t), c)); !strings.Contains(p.Suggestion, want) {
			t.Errorf("%s: got %+v, want %q", label, p, want)
		}
	}
	c := compose("db", "postgres:17")
	for _, label := range []string{"simpledeploy.domain", "traefik.enable", "acme.backup.schedule", "com.simpledeploy.backup.note"} {
		c.Labels[label] = "true"
	}
	if svc := one(t, decoder(t), c); len(svc.Problems)+len(svc.Jobs) != 0 {
		t.Errorf("labels of others are none of ours: %+v", svc)
	}
}

func TestDecode_OtherPrefix(t *testing.T) {
	c := compose("db", "postgres:17", "schedule", "@hourly")
	c.Labels["acme.backup.schedule"] = "@weekly"
	svc := one(t, decoder(t, func(c *Config) { c.Prefix = "acme" }), c)
	if len(svc.Jobs) != 1 || svc.Jobs[0].Schedule.Spec != "@weekly" {
		t.Errorf("got %+v", svc)
	}
}

func TestDecode_OneBadJobLeavesTheOthersAlone(t *testing.T) {
	svc := one(t, decoder(t), compose("db", "postgres:17", "retention", "7",
		"nightly.schedule", "0 2 * * *", "nightly.target", "offsite", "hourly.schedule", "@hourli", "weekly.schedule", "@weekly", "weekly.retention", "30d"))
	var names []string
	for _, j := range svc.Jobs {
		names = append(names, j.Name+" "+j.Targets[0]+" "+j.Retention.String())
	}
	if diff := cmp.Diff([]string{"nightly offsite last=7", "weekly local within=30d"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"hourly"}, refused(svc)); diff != "" {
		t.Error(diff)
	}
	if len(svc.Problems) != 1 || svc.Problems[0].Job != "hourly" {
		t.Errorf("problems: %+v", svc.Problems)
	}
}

func TestDecode_UnnamedMistakeIsSaidOnceForAllJobs(t *testing.T) {
	svc := one(t, decoder(t), compose("db", "postgres:17", "retention", "0", "a.schedule", "@daily", "b.schedule", "@weekly"))
	if p := only(t, svc); p.Job != "" {
		t.Errorf("the problem is %+v", p)
	}
	if diff := cmp.Diff([]string{"a", "b"}, refused(svc)); diff != "" {
		t.Error(diff)
	}
	svc = one(t, decoder(t), compose("db", "postgres:17", "retention", "0", "a.retention", "7", "b.schedule", "@weekly"))
	if len(svc.Jobs) != 1 || svc.Jobs[0].Name != "a" || len(svc.Problems) != 1 || svc.Problems[0].Job != "b" {
		t.Errorf("a job with its own value goes on: %+v", svc)
	}
}

func TestDecode_EnableFalseAlwaysWins(t *testing.T) {
	auto := func(c *Config) { c.Auto = true }
	svc := one(t, decoder(t, auto), compose("db", "postgres:17", "enable", "False", "schedule", "nonsense", "nightly.enable", "true"))
	if len(svc.Jobs)+len(svc.Problems)+len(svc.Refused) != 0 || svc.Detected != "postgres" {
		t.Errorf("got %+v", svc)
	}
	svc = one(t, decoder(t), compose("db", "postgres:17", "a.schedule", "@daily", "b.enable", "false", "b.nonsense", "x"))
	if len(svc.Jobs) != 1 || svc.Jobs[0].Name != "a" || len(svc.Problems) != 0 {
		t.Errorf("got %+v", svc)
	}
}

func TestDecode_WithoutLabels(t *testing.T) {
	db, app := compose("db", "postgres:17"), with(compose("app", "shop-app"), volumeAt("/data"))
	web, cache := compose("web", "nginx"), compose("cache", "mongo:8")
	services := decoder(t).Decode([]Container{web, db, cache, app})
	type seen struct {
		Name, Detected string
		Stateful       bool
		Jobs           int
	}
	var got []seen
	for _, s := range services {
		got = append(got, seen{s.Service, s.Detected, s.Stateful, len(s.Jobs) + len(s.Problems)})
	}
	if diff := cmp.Diff([]seen{{"app", "", true, 0}, {"cache", "mongo", true, 0}, {"db", "postgres", true, 0}, {"web", "", false, 0}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"volume: data on /data (if a SQLite file is in it: strategy sqlite)"}, services[0].Suggested); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"mongo: the image is mongo:8 (not available in this version)"}, services[1].Suggested); diff != "" {
		t.Error(diff)
	}

	services = decoder(t, func(c *Config) { c.Auto = true }).Decode([]Container{web, db, cache, app})
	for i, want := range []int{0, 0, 1, 0} {
		if got := len(services[i].Jobs); got != want {
			t.Errorf("with auto, %s has %d jobs, want %d", services[i].Service, got, want)
		}
	}
	if p := only(t, services[1]); !strings.Contains(p.Why, "not available in this version") {
		t.Errorf("with auto, a known database that cannot be dumped yet is told: %+v", p)
	}
}

func TestDecode_IsDeterministic(t *testing.T) {
	var all []Container
	for _, name := range []string{"a", "b", "c", "d"} {
		c := with(compose(name, "postgres:17", "nonsense", "1", "shedule", "2", "x.target", "none", "y.target", "none", "z.schedule", "@daily"), volumeAt("/x"), volumeAt("/a"))
		all = append(all, c)
	}
	d := decoder(t)
	want := d.Decode(all)
	for range 20 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if diff := cmp.Diff(want, d.Decode(all)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestNewDecoder_TellsEverythingThatIsWrongWithTheDefaults(t *testing.T) {
	cfg := config()
	cfg.Timezone = "Mars"
	cfg.Defaults = map[string]string{
		"schedule": "@dayly", "stop-timeout": "5", "target": "s3", "paths": "/x", "shedule": "@daily", "encryption": "age",
		"notify": "always", "retention": "7", "quorum": "",
	}
	_, err := NewDecoder(cfg)
	if err == nil {
		t.Fatal("bad defaults were taken")
	}
	for _, want := range []string{
		"TZ: ", "SIMPLEDEPLOY_DEFAULT_SCHEDULE: ", "SIMPLEDEPLOY_DEFAULT_STOP_TIMEOUT: ", "SIMPLEDEPLOY_DEFAULT_TARGET: ",
		"SIMPLEDEPLOY_DEFAULT_PATHS: ", "SIMPLEDEPLOY_DEFAULT_SHEDULE: ", "did you mean schedule?", "SIMPLEDEPLOY_DEFAULT_ENCRYPTION: not available in this version",
		"SIMPLEDEPLOY_DEFAULT_NOTIFY: not available", "SIMPLEDEPLOY_DEFAULT_QUORUM: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "RETENTION") {
		t.Errorf("a good default is blamed: %v", err)
	}
}

func TestDecode_DefaultsFromTheEnvironment(t *testing.T) {
	d := decoder(t, func(c *Config) {
		c.Timezone = "Europe/Berlin"
		c.Defaults = map[string]string{
			"schedule": "@every 10m", "target": "local,offsite", "quorum": "2", "jitter": "1h", "quiesce": "stop", "retention": "30d",
		}
	})
	db := one(t, d, compose("db", "postgres:17", "target", "b2")).Jobs[0]
	if db.Quiesce != "none" || db.Quorum != 1 || db.Jitter != 5*time.Minute || db.Schedule.Timezone() != "Europe/Berlin" {
		t.Errorf("a default is bent to what the job can do: %+v", db)
	}
	app := one(t, d, with(compose("app", "shop-app", "enable", "true"), volumeAt("/data"))).Jobs[0]
	if app.Quiesce != "stop" || app.Quorum != 2 || app.Retention.Within != 30*day {
		t.Errorf("got %+v", app)
	}
}
