package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/simpledeploy/backup/runner/strategy"
)

// proofText is a proof in words; nothing when there is none.
func proofText(raw json.RawMessage) string {
	var proof strategy.Proof
	if len(raw) == 0 || json.Unmarshal(raw, &proof) != nil {
		return ""
	}
	var parts []string
	for _, part := range []struct {
		n    int64
		what string
	}{{proof.Tables, "tables"}, {proof.Rows, "rows"}, {proof.Entries, "entries"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if proof.Bytes > 0 {
		parts = append(parts, size(proof.Bytes))
	}
	return strings.TrimSuffix(proof.Format+": "+strings.Join(parts, ", "), ": ")
}
