package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/simpledeploy/backup/status"
)

// printHook tells how a hook ended and all that it said, as far as the record kept it.
func printHook(w io.Writer, h status.Hook) {
	head := "hook " + h.Name + ": " + h.State
	if h.Attempt > 1 {
		head += fmt.Sprintf(" (attempt %d)", h.Attempt)
	}
	if took := span(time.Duration(h.TookMS) * time.Millisecond); took != "" {
		head += " in " + took
	}
	if h.Error != "" {
		head += ": " + h.Error
	}
	fmt.Fprintln(w, printable(head))
	if h.Truncated {
		fmt.Fprintln(w, "  | … only the last part was kept")
	}
	if h.Output == "" {
		return
	}
	for line := range strings.Lines(h.Output) {
		fmt.Fprintln(w, "  | "+printable(strings.TrimRight(line, "\r\n")))
	}
}
