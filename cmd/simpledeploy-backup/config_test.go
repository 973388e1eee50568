package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/labels"
)

func TestLoadConfig_DefaultsHoldWithoutAnyVariable(t *testing.T) {
	cfg, err := loadConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.CompressionWorkers = 0 // depends on the machine
	want := config{
		DataDir: "/data", Listen: ":8080", LabelPrefix: "simpledeploy", Concurrency: 2, MinInterval: time.Minute,
		CatchUp: true, ShutdownGrace: 8 * time.Second, LogLevel: "info", LogFormat: "json", MinFree: 1 << 30,
		HistoryRetention: 365 * 24 * time.Hour,
		Targets:          map[string]string{}, Retentions: map[string]labels.Retention{}, Defaults: map[string]string{},
	}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestLoadConfig_ReadsWhatIsSet(t *testing.T) {
	cfg, err := loadConfig(map[string]string{
		"SIMPLEDEPLOY_DATA_DIR":             "/srv/backup",
		"SIMPLEDEPLOY_PROJECTS":             "shop, blog",
		"SIMPLEDEPLOY_COMPRESSION_WORKERS":  "3",
		"SIMPLEDEPLOY_HISTORY_RETENTION":    "30d",
		"SIMPLEDEPLOY_MIN_FREE":             "500MB",
		"SIMPLEDEPLOY_TARGET_OFFSITE":       "b2:my-bucket/backups",
		"SIMPLEDEPLOY_RETENTION_OFFSITE":    "14d",
		"SIMPLEDEPLOY_DEFAULT_STOP_TIMEOUT": "30s",
		"TZ":                                "Europe/Berlin",
		"RCLONE_CONFIG_B2_TYPE":             "b2",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"shop", "blog"}, cfg.Projects); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"local", "offsite"}, cfg.targetNames()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if cfg.DataDir != "/srv/backup" || cfg.CompressionWorkers != 3 || cfg.MinFree != 500_000_000 || cfg.Timezone != "Europe/Berlin" {
		t.Errorf("config is %+v", cfg)
	}
	if cfg.HistoryRetention != 30*24*time.Hour || cfg.Retentions["offsite"].Within != 14*24*time.Hour {
		t.Errorf("durations: history %v, offsite %v", cfg.HistoryRetention, cfg.Retentions)
	}
	if cfg.Defaults["stop-timeout"] != "30s" {
		t.Errorf("defaults: %v", cfg.Defaults)
	}
}

func TestLoadConfig_RefusesWhatItCannotUse(t *testing.T) {
	tests := map[string]struct {
		set  map[string]string
		want string // part of the error
	}{
		"a misspelt variable":             {vars("CONCURENCY", "2"), "SIMPLEDEPLOY_CONCURENCY: unknown variable; did you mean SIMPLEDEPLOY_CONCURRENCY?"},
		"a variable of nobody":            {vars("QWXYZQWXYZ", "2"), "unknown variable; take it out"},
		"a misspelt default":              {vars("DEFAULT_SHEDULE", "@daily"), "did you mean SIMPLEDEPLOY_DEFAULT_SCHEDULE?"},
		"an empty value":                  {vars("TOKEN", ""), "SIMPLEDEPLOY_TOKEN is set but empty"},
		"words for a number":              {vars("CONCURRENCY", "many"), "SIMPLEDEPLOY_CONCURRENCY: not a whole number"},
		"nothing at the same time":        {vars("CONCURRENCY", "0"), "between 1 and 64"},
		"a truth that is none":            {vars("AUTO", "yes"), "SIMPLEDEPLOY_AUTO: must be true or false"},
		"a duration without a unit":       {vars("MIN_INTERVAL", "60"), "SIMPLEDEPLOY_MIN_INTERVAL"},
		"a negative duration":             {vars("SHUTDOWN_GRACE", "-1s"), "SIMPLEDEPLOY_SHUTDOWN_GRACE"},
		"a size that is none":             {vars("MIN_FREE", "plenty"), "not a size"},
		"a level that is none":            {vars("LOG_LEVEL", "loud"), "write debug, info, warn or error"},
		"a format that is none":           {vars("LOG_FORMAT", "xml"), "write json or console"},
		"an address that is none":         {vars("LISTEN", "8080"), "write it like :8080"},
		"a relative folder":               {vars("DATA_DIR", "data"), "not an absolute path"},
		"a prefix that labels can't have": {vars("LABEL_PREFIX", "Simple Deploy"), "SIMPLEDEPLOY_LABEL_PREFIX"},
		"an unknown time zone":            {map[string]string{"TZ": "Europe/Atlantis"}, "TZ: \"Europe/Atlantis\" is not a time zone"},
		"retention for no target":         {vars("RETENTION_OFSITE", "7"), "no target has that name; known are local"},
		"a retention that is none":        {vars("RETENTION_LOCAL", "forever"), "SIMPLEDEPLOY_RETENTION_LOCAL"},
		"a target without a name":         {vars("TARGET_", "b2:x"), "SIMPLEDEPLOY_TARGET_"},
		"a lower-case target":             {vars("TARGET_offsite", "b2:x"), "capital letters"},
		"encryption, which is not there":  {vars("AGE_RECIPIENTS", "age1…"), "not available in this version"},
		"its file, which is not there":    {vars("AGE_IDENTITY_FILE", "/run/secrets/age"), "SIMPLEDEPLOY_AGE_IDENTITY"},
		"a dead-man switch":               {vars("PING_SHOP", "https://example.com"), "not available in this version"},
		"the spool":                       {vars("SPOOL", "10GiB"), "not available in this version"},
		"notifications":                   {vars("NOTIFY_URLS", "x"), "not available in this version"},
		"a backup of the record":          {vars("SELF_BACKUP_SCHEDULE", "@daily"), "not available in this version"},
		"a default of an unavailable key": {vars("DEFAULT_DRILL", "@weekly"), "not available in this version"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := loadConfig(tt.set)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("loadConfig = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestLoadConfig_TellsAllErrorsAtOnce(t *testing.T) {
	_, err := loadConfig(map[string]string{
		"SIMPLEDEPLOY_CONCURRENCY": "many", "SIMPLEDEPLOY_LOG_LEVEL": "loud", "SIMPLEDEPLOY_WEBHOOK_URL": "https://example.com",
		"SIMPLEDEPLOY_TOKEN_FILE": "/does/not/exist", "SIMPLEDEPLOY_NO_SUCH": "x",
	})
	if err == nil {
		t.Fatal("the start was not refused")
	}
	for _, name := range []string{"CONCURRENCY", "LOG_LEVEL", "WEBHOOK_URL", "TOKEN_FILE", "NO_SUCH"} {
		if strings.Count(err.Error(), "SIMPLEDEPLOY_"+name) != 1 {
			t.Errorf("%s is not named once in:\n%v", name, err)
		}
	}
}

func TestLoadConfig_ReadsSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, err := loadConfig(map[string]string{
		"SIMPLEDEPLOY_TOKEN_FILE":       write("token", "two\nlines\n"),
		"SIMPLEDEPLOY_TARGET_NAS_FILE":  write("nas", ":sftp,host=nas,pass=secret:backups\r\n"),
		"SIMPLEDEPLOY_RETENTION_NAS":    "7",
		"SIMPLEDEPLOY_DEFAULT_SCHEDULE": "@daily",
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Token != "two\nlines" {
		t.Errorf("token is %q: the last newline goes and no other", cfg.Token)
	}
	if cfg.Targets["nas"] != ":sftp,host=nas,pass=secret:backups" {
		t.Errorf("target is %q", cfg.Targets["nas"])
	}
}

func TestLoadConfig_RefusesSecretsThatAreNotThere(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		set  map[string]string
		want string
	}{
		"missing": {vars("TOKEN_FILE", "/does/not/exist"), "no such file"},
		"empty":   {vars("TOKEN_FILE", empty), "is empty"},
		"folder":  {vars("TOKEN_FILE", filepath.Dir(empty)), "is not a file"},
		"both":    {map[string]string{"SIMPLEDEPLOY_TOKEN": "x", "SIMPLEDEPLOY_TOKEN_FILE": empty}, "both set"},
		"no twin": {vars("LISTEN_FILE", empty), "unknown variable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := loadConfig(tt.set)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("loadConfig = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestLoadConfig_NeverPrintsASecret(t *testing.T) {
	_, err := loadConfig(map[string]string{
		"SIMPLEDEPLOY_TOKEN": "hunter2", "SIMPLEDEPLOY_TARGET_nas": "hunter2", "SIMPLEDEPLOY_AGE_PASSPHRASE": "hunter2",
		"SIMPLEDEPLOY_WEBHOOK_SECRET": "hunter2", "SIMPLEDEPLOY_TOKN": "hunter2",
	})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error must come and must not hold the secret: %v", err)
	}
}

func vars(short, value string) map[string]string {
	return map[string]string{envPrefix + short: value}
}
