package target_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/target"
)

func someManifest() target.Manifest {
	k := someKey()
	return target.Manifest{
		Format:   1,
		Program:  target.Program{Name: "simpledeploy-backup", Version: "1.2.3"},
		Instance: k.Instance, Project: k.Project, Service: k.Service, Job: k.Job, Run: k.RunID,
		Strategy: "postgres", Image: "postgres:17", ImageDigest: "sha256:abc", EngineVersion: "17.2",
		StartedAt: time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC), FinishedAt: time.Date(2026, 11, 21, 1, 0, 9, 0, time.UTC),
		Stages: []string{"zstd"}, Key: k.String(),
		Stored:    target.Stored{Bytes: 1000, SHA256: strings.Repeat("0a", 32)},
		Raw:       target.Raw{Bytes: 5000, XXH64: "44bc2cf5ad770999", Extension: ".sql"},
		Proof:     json.RawMessage(`{"format":"pg_dump"}`),
		Databases: []string{"shop"}, Paths: []string{"/data"}, Exclude: []string{"*.tmp"},
		Labels: map[string]string{"simpledeploy.backup.schedule": "@daily"}, Warnings: []string{"w"},
		Recipe: "zstd -dc FILE | psql",
	}
}

func TestManifest_RoundTrip(t *testing.T) {
	m := someManifest()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{m.Key, m.Key + target.ManifestSuffix} {
		got, err := target.DecodeManifest(key, b)
		if err != nil {
			t.Fatal(err)
		}
		got.Proof = json.RawMessage(strings.Join(strings.Fields(string(got.Proof)), ""))
		if diff := cmp.Diff(m, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, want := range []string{`"options": {`, `"paths": [`, `"format": 1`, `"recipe": "zstd -dc FILE | psql"`} {
		if want == `"recipe": "zstd -dc FILE | psql"` && !strings.Contains(string(b), "zstd -dc FILE") {
			t.Errorf("no %s in %s", want, b)
		}
		if !strings.Contains(string(b), strings.Split(want, ":")[0]) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if strings.Contains(string(b), "group_run") || strings.Contains(string(b), "scheduled_for") {
		t.Errorf("empty fields are written: %s", b)
	}
}

// The true names of altered parts stand in the manifest.
func TestManifest_AlteredNamesFitTheirKey(t *testing.T) {
	m, k := someManifest(), someKey()
	m.Service, k.Service = "My DB", "My DB"
	m.Key = k.String()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := target.DecodeManifest(k.String(), b)
	if err != nil || got.Service != "My DB" {
		t.Errorf("%q, %v", got.Service, err)
	}
}

func TestDecodeManifest_ToleratesUnknownFields(t *testing.T) {
	b, err := someManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(b), "{", `{"a_later_field": {"x": [1]},`, 1)
	if _, err := target.DecodeManifest(someManifest().Key, []byte(later)); err != nil {
		t.Error(err)
	}
}

func TestDecodeManifest_Refuses(t *testing.T) {
	whole, err := someManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"a newer format":           {`"format": 1,`, `"format": 2,`},
		"no format":                {`"format": 1,`, ``},
		"another object":           {`"key": "web-1/`, `"key": "web-2/`},
		"another instance":         {`"instance": "web-1"`, `"instance": "web-2"`},
		"another project":          {`"project": "shop"`, `"project": "bank"`},
		"another service":          {`"service": "db"`, `"service": "web"`},
		"another job":              {`"job": "default"`, `"job": "other"`},
		"another run":              {`"run": "01k3z9q7w2m4n6p8"`, `"run": "x"`},
		"no strategy":              {`"strategy": "postgres"`, `"strategy": ""`},
		"a negative size":          {`"bytes": 1000`, `"bytes": -1`},
		"a raw size beyond reason": {`"bytes": 5000`, `"bytes": 9000000000000000000`},
		"no sha256":                {`"sha256": "0a`, `"sha256": "zz`},
		"no xxh64":                 {`"xxh64": "44bc2cf5ad770999"`, `"xxh64": ""`},
		"another extension":        {`"extension": ".sql"`, `"extension": ".tar"`},
		"something else":           {`{`, `[`},
	} {
		b := strings.Replace(string(whole), change[0], change[1], 1)
		if b == string(whole) {
			t.Fatalf("%s: nothing to change", what)
		}
		if _, err := target.DecodeManifest(someManifest().Key, []byte(b)); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if _, err := target.DecodeManifest(someManifest().Key, append(whole, strings.Repeat(" ", target.MaxManifest)...)); err == nil {
		t.Error("more than the bound was accepted")
	}
	if _, err := target.DecodeManifest(someManifest().Key, whole[:len(whole)/2]); err == nil {
		t.Error("half a manifest was accepted")
	}
}

func TestManifest_EncodeRefusesWhatDecodeWould(t *testing.T) {
	for what, change := range map[string]func(*target.Manifest){
		"no key":     func(m *target.Manifest) { m.Key = "" },
		"other job":  func(m *target.Manifest) { m.Job = "other" },
		"no sum":     func(m *target.Manifest) { m.Stored.SHA256 = "" },
		"very large": func(m *target.Manifest) { m.Recipe = strings.Repeat("x", target.MaxManifest) },
	} {
		m := someManifest()
		change(&m)
		if _, err := m.Encode(); err == nil {
			t.Errorf("%s was written", what)
		}
	}
}

func FuzzDecodeManifest(f *testing.F) {
	b, err := someManifest().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(someManifest().Key, b)
	f.Add("", []byte("{}"))
	f.Fuzz(func(t *testing.T, key string, b []byte) {
		m, err := target.DecodeManifest(key, b)
		if err != nil {
			return
		}
		if m.Key != strings.TrimSuffix(key, target.ManifestSuffix) {
			t.Errorf("the manifest of %q was taken for that of %q", m.Key, key)
		}
		if _, err := m.Encode(); err != nil && len(b) < target.MaxManifest/8 {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
