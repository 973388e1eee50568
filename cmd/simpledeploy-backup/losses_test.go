package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/runner"
)

func TestLosses_SayWhatARestoreTakesAway(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		strategy, proof string
		age             time.Duration
		want            []string
	}{
		{"volume", `{"format":"tar","entries":3}`, 3 * time.Hour, []string{
			"what changed since the backup was taken, 3 h ago, is gone afterwards",
			"files that are not in the backup are deleted, those that exclude leaves out aside",
		}},
		{"postgres", `{"format":"pg_dump","detail":{"shop.public.orders":3,"shop.public.users":1,"wiki.public.pages":2}}`, 5 * time.Minute, []string{
			"what changed since the backup was taken, 5 min ago, is gone afterwards",
			"these databases are replaced whole: shop, wiki",
		}},
		{"exec", `{"format":"bytes","bytes":7}`, 3 * time.Hour, []string{
			"what changed since the backup was taken, 3 h ago, is gone afterwards",
			"what the label restore-command replaces: only its author knows",
		}},
		{"sqlite", `{"format":"sqlite","entries":1}`, 3 * time.Hour, []string{
			"what changed since the backup was taken, 3 h ago, is gone afterwards",
			"every database file in the backup is replaced whole",
		}},
		{"mysql", "", 72 * time.Hour, []string{
			"what changed since the backup was taken, 3 days ago, is gone afterwards",
			"every database in the backup is replaced whole",
		}},
	} {
		got := losses(runner.RestorePlan{Strategy: c.strategy, TakenAt: now.Add(-c.age)}, json.RawMessage(c.proof), now)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.strategy, diff)
		}
	}
}
