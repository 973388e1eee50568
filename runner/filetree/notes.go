package filetree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Summary says what was archived or restored.
type Summary struct {
	Entries  int64    `json:"entries"`
	Bytes    int64    `json:"bytes"`            // content of files, holes counted
	Digest   string   `json:"digest,omitempty"` // after a restore: of what was unpacked, as the proof counts it
	Sockets  int64    `json:"sockets,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Kinds of notes, in the order in which they are told.
const (
	noteChanged  = "changed while being read"
	noteGrew     = "grew while being read and cut at the size they had"
	noteShrank   = "shrank while being read and padded with zeros"
	noteVanished = "vanished before being read"
	noteMount    = "left out, being other mounts"
	noteLeftover = "left out, being leftovers of a restore"
	noteXattr    = "had extended attributes that could not be kept"
	noteOwner    = "restored without owner or device, which needs root"
)

const namedPerNote = 5

// notes collects what happened to files, bounded in memory.
type notes struct {
	mu    sync.Mutex
	count map[string]int
	names map[string][]string
}

func (n *notes) add(kind, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count == nil {
		n.count, n.names = map[string]int{}, map[string][]string{}
	}
	n.count[kind]++
	if len(n.names[kind]) < namedPerNote {
		n.names[kind] = append(n.names[kind], name)
	}
}

// sentences are the warnings for the record: one per kind, with the first names.
func (n *notes) sentences() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, kind := range []string{
		noteChanged, noteGrew, noteShrank, noteVanished, noteMount, noteLeftover, noteXattr, noteOwner,
	} {
		if n.count[kind] == 0 {
			continue
		}
		names := slices.Sorted(slices.Values(n.names[kind]))
		for i, s := range names {
			names[i] = "/" + printable(s)
		}
		more := ""
		if rest := n.count[kind] - len(names); rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		noun := "files"
		if n.count[kind] == 1 {
			noun = "file"
		}
		out = append(out, fmt.Sprintf("%d %s %s: %s%s", n.count[kind], noun, kind, strings.Join(names, ", "), more))
	}
	return out
}

// mostShown bounds what is shown of a name: whoever forges an archive must not fill the record with it.
const mostShown = 1 << 10

// printable quotes a name that would garble a log line, and cuts one that is longer than a line.
func printable(s string) string {
	if len(s) > mostShown {
		return printable(s[:mostShown]) + "…"
	}
	q := strconv.Quote(s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q[1 : len(q)-1]
}
