package retention

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestApply_Golden(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	daily := series(now.Add(-12*time.Hour), 24*time.Hour, 60)
	for _, c := range []struct {
		name    string
		policy  Policy
		backups []Backup
	}{
		{"all", Policy{}, daily[:3]},
		{"last", Policy{Last: 3}, daily[:5]},
		{"within", Policy{Within: 72 * time.Hour}, daily[:5]},
		{"gfs", Policy{Last: 2, Within: 36 * time.Hour, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 3}, daily},
		{"hourly_when_summer_time_ends", Policy{Hourly: 24}, series(time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC), 30*time.Minute, 8)},
		{"days_of_the_local_calendar", Policy{Daily: 2}, series(time.Date(2026, 11, 20, 0, 30, 0, 0, time.UTC), time.Hour, 4)},
		{"weeks_over_new_year", Policy{Weekly: 3}, series(time.Date(2027, 1, 5, 2, 0, 0, 0, time.UTC), 24*time.Hour, 20)},
		{"gaps_are_not_counted", Policy{Daily: 3}, []Backup{daily[0], daily[20], daily[40], daily[50]}},
		{"only_good_one_is_too_old", Policy{Within: time.Hour}, daily[10:11]},
		{"newest_good_one_is_too_old", Policy{Within: time.Hour}, daily[10:13]},
		{"pinned", Policy{Last: 1}, pin(daily[:4], 2)},
		{"partial_since_the_target_is_down", Policy{Last: 2}, spoil(daily[:8], 0, 1, 2, 3)},
		{"partial_with_gfs", Policy{Daily: 7, Weekly: 2}, spoil(daily[:6], 0, 1)},
		{"partial_only", Policy{Yearly: 1}, spoil(daily[:4], 0, 1, 2, 3)},
		{"partial_and_too_old", Policy{Within: time.Hour}, spoil(daily[10:14], 0, 1)},
		{"partial_older_than_a_good_one", Policy{Last: 5}, spoil(daily[:4], 1, 2)},
		{"none", Policy{Last: 1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden(t, c.name, render(c.policy, c.policy.Apply(c.backups, now, berlin)))
		})
	}
}

// Whatever the policy, in whatever order the backups come: none is lost or made up, the newest good one stays, pinned
// ones stay, and every decision has a reason.
func TestApply_NeverHarms(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		policy := Policy{
			Last: random.IntN(4), Within: time.Duration(random.IntN(3)) * 50 * time.Hour, Hourly: random.IntN(3), Daily: random.IntN(4),
			Weekly: random.IntN(3), Monthly: random.IntN(3), Yearly: random.IntN(2),
		}
		var backups []Backup
		for i := range random.IntN(40) {
			at := now.Add(-time.Duration(random.IntN(5000)-100) * time.Hour)
			backups = append(backups, Backup{ID: fmt.Sprint(i), Time: at, Good: random.IntN(3) > 0, Pinned: random.IntN(10) == 0})
		}
		want := policy.Apply(backups, now, time.UTC)
		random.Shuffle(len(backups), func(i, j int) { backups[i], backups[j] = backups[j], backups[i] })
		if diff := cmp.Diff(want, policy.Apply(backups, now, time.UTC)); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
		check(t, policy, backups, want)
	}
}

func check(t *testing.T, policy Policy, backups []Backup, got []Decision) {
	t.Helper()
	if len(got) != len(backups) {
		t.Fatalf("%d decisions on %d backups", len(got), len(backups))
	}
	newest := slices.IndexFunc(got, func(d Decision) bool { return d.Good })
	for i, d := range got {
		switch {
		case i > 0 && d.Time.After(got[i-1].Time):
			t.Fatal("not the newest first")
		case len(d.Reasons) == 0:
			t.Fatalf("no reason for %+v", d)
		case d.Pinned && !d.Keep:
			t.Fatalf("a pinned backup goes under %s", policy)
		case i == newest && !d.Keep:
			t.Fatalf("the newest good backup goes under %s", policy)
		case i == 0 && !d.Keep:
			t.Fatalf("the newest backup goes under %s", policy)
		}
	}
}

// Backups that are not good never push out one that is.
func TestApply_PartialOnesTakeNoPlace(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	good := series(now.Add(-240*time.Hour), 24*time.Hour, 10)
	bad := spoil(series(now, 24*time.Hour, 10), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	policy := Policy{Last: 3, Daily: 5}
	kept := func(backups []Backup) (ids []string) {
		for _, d := range policy.Apply(backups, now, time.UTC) {
			if d.Keep && d.Good {
				ids = append(ids, d.ID)
			}
		}
		return ids
	}
	if diff := cmp.Diff(kept(good), kept(slices.Concat(good, bad))); diff != "" {
		t.Error(diff)
	}
}

func TestPolicy_String(t *testing.T) {
	for want, policy := range map[string]Policy{
		"all":    {},
		"last=7": {Last: 7},
		"last=3 within=36h hourly=24 daily=7 weekly=4 monthly=12 yearly=3": {3, 36 * time.Hour, 24, 7, 4, 12, 3},
		"within=14d": {Within: 14 * 24 * time.Hour},
	} {
		if got := policy.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// series are n good backups, the newest first.
func series(newest time.Time, step time.Duration, n int) []Backup {
	out := make([]Backup, n)
	for i := range out {
		out[i] = Backup{ID: fmt.Sprintf("%02d", n-i), Time: newest.Add(-time.Duration(i) * step), Good: true}
	}
	return out
}

func spoil(backups []Backup, which ...int) []Backup {
	out := slices.Clone(backups)
	for _, i := range which {
		out[i].Good = false
	}
	return out
}

func pin(backups []Backup, which int) []Backup {
	out := slices.Clone(backups)
	out[which].Pinned = true
	return out
}

func render(policy Policy, decisions []Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", policy)
	for _, d := range decisions {
		verdict, kind := "remove", "good"
		if d.Keep {
			verdict = "keep"
		}
		if !d.Good {
			kind = "partial"
		}
		fmt.Fprintf(&b, "%-6s %s %s %-7s %s\n", verdict, d.ID, d.Time.Format("2006-01-02T15:04Z"), kind, strings.Join(d.Reasons, "; "))
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
