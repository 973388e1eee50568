package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/runner/strategy"
)

// losses says in sentences what a restore takes away: that is what people should read before they say yes.
func losses(plan runner.RestorePlan, proof json.RawMessage, now time.Time) []string {
	out := []string{"what changed since the backup was taken, " + ago(plan.TakenAt, now) + ", is gone afterwards"}
	switch plan.Strategy {
	case "volume":
		return append(out, "files that are not in the backup are deleted, those that exclude leaves out aside")
	case "exec":
		return append(out, "what the label restore-command replaces: only its author knows")
	case "sqlite":
		return append(out, "every database file in the backup is replaced whole")
	}
	if names := databases(proof); len(names) > 0 {
		return append(out, "these databases are replaced whole: "+strings.Join(names, ", "))
	}
	return append(out, "every database in the backup is replaced whole")
}

// databases are those whose tables a proof counted.
func databases(raw json.RawMessage) []string {
	var proof strategy.Proof
	if len(raw) == 0 || json.Unmarshal(raw, &proof) != nil {
		return nil
	}
	names := map[string]bool{}
	for table := range proof.Detail {
		if database, _, ok := strings.Cut(table, "."); ok {
			names[database] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ago is how long something is past, in its one fitting unit.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	default:
		return fmt.Sprintf("%d days ago", d/(24*time.Hour))
	}
}
