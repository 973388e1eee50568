package target_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner/target"
)

func someKey() target.Key {
	return target.Key{
		Instance: "web-1", Project: "shop", Service: "db", Job: "default",
		Time: time.Date(2026, 11, 21, 2, 0, 0, 123, time.FixedZone("", 3600)), RunID: "01k3z9q7w2m4n6p8", Extension: ".sql.zst",
	}
}

func TestKey_IsReadableAndSortsByTime(t *testing.T) {
	k := someKey()
	if got, want := k.String(), "web-1/shop/db/default/20261121T010000Z-01k3z9q7w2m4n6p8.sql.zst"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := k.Folder(), "web-1/shop/db/default/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	later := k
	later.Time = k.Time.Add(time.Second)
	if later.String() <= k.String() {
		t.Error("a later backup sorts before an earlier one")
	}
}

func TestKey_NamesThatCannotStandAreAlteredAndStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"db", "DB", "Db", "", ".", "..", ".db", "db.", "d b", "d/b", "d\\b", "dß", "d\x00b", "db-", "_", strings.Repeat("x", 100),
		strings.Repeat("x", 101), strings.Repeat("x", 102), "-", "--",
	} {
		k := someKey()
		k.Service = name
		folder := k.Folder()
		if other, double := seen[folder]; double {
			t.Errorf("%q and %q share %s", name, other, folder)
		}
		seen[folder] = name
		parsed, err := target.ParseKey(k.String())
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if parsed.String() != k.String() {
			t.Errorf("%q: %s was read as %s", name, k, parsed)
		}
		if len(parsed.Service) > 100 {
			t.Errorf("%q has %d bytes", parsed.Service, len(parsed.Service))
		}
	}
	k := someKey()
	k.Project = "_"
	if !strings.HasPrefix(k.String(), "web-1/_/") {
		t.Errorf("the project of containers outside Compose was altered: %s", k)
	}
}

func TestParseKey_ReadsWhatStringWrites(t *testing.T) {
	k := someKey()
	k.Time = k.Time.UTC().Truncate(time.Second)
	got, err := target.ParseKey(k.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseKey_RefusesAllElse(t *testing.T) {
	for _, s := range []string{
		"", "/", "a/b/c/d", "a/b/c/d/", "a/b/c/d/20261121T020000Z", "a/b/c/d/20261121T020000Z-", "a/b/c/d/20261121T020000Z-.sql",
		"a/b/c/20261121T020000Z-run.sql", "a/b/../d/20261121T020000Z-run.sql", "/a/b/c/d/20261121T020000Z-run.sql",
		"A/b/c/d/20261121T020000Z-run.sql", "a/b/c/d/20261321T020000Z-run.sql", "a/b/c/d/20261121T020000Z-Run.sql",
		"a/b/c/d/20261121T020000Z-run.sql.zst.partial", "a/b/c/d/20261121T020000Z-run.sql.zst.manifest.json",
		"a/b/c/d/20261121T020000Z-run..sql", "a/b/c/d/e/20261121T020000Z-run.sql", "a/b/c/d/simpledeploy.json",
	} {
		if k, err := target.ParseKey(s); err == nil {
			t.Errorf("%q was read as %+v", s, k)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(someKey().String())
	f.Add("a/b/c/d/20261121T020000Z-run.sql")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := target.ParseKey(s)
		if err != nil {
			return
		}
		if k.String() != s {
			t.Errorf("%q was read as %q", s, k)
		}
		if !strings.HasPrefix(s, k.Folder()) || strings.Contains(s, "..") && strings.Contains(s, "/../") {
			t.Errorf("%q is not in %q", s, k.Folder())
		}
	})
}

// Any names make a key that can be read again.
func FuzzKey(f *testing.F) {
	f.Add("host", "shop", "db", "default", "01k3", ".sql.zst")
	f.Add("", ".", "..", "A/B", "R.un", "sql")
	f.Fuzz(func(t *testing.T, instance, project, service, job, run, extension string) {
		k := target.Key{Instance: instance, Project: project, Service: service, Job: job, RunID: run, Extension: extension, Time: someKey().Time}
		parsed, err := target.ParseKey(k.String())
		if err != nil || parsed.String() != k.String() {
			t.Errorf("%+v became %q, read as %q: %v", k, k, parsed, err)
		}
	})
}
