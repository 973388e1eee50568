package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simpledeploy/backup/status"
)

func TestPrintHook_TellsHowItEndedAndWhatItSaid(t *testing.T) {
	for _, c := range []struct {
		name string
		hook status.Hook
		want string
	}{
		{"good and silent", status.Hook{Name: "pre", Attempt: 1, State: "ok", TookMS: 120}, "hook pre: ok in 120ms\n"},
		{"failed, with colours in its words", status.Hook{
			Name: "post", Attempt: 2, State: "failed", ExitCode: 3, TookMS: 2500, Error: "exit code 3: no", Output: "one\r\n\x1b[31mno\n", Truncated: true,
		}, "hook post: failed (attempt 2) in 2.5s: exit code 3: no\n  | … only the last part was kept\n  | one\n  |  [31mno\n"},
		{"skipped", status.Hook{Name: "pre", Attempt: 1, State: "skipped", Error: "container app is exited"}, "hook pre: skipped: container app is exited\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			printHook(&out, c.hook)
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
