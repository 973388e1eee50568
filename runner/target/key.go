package target

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

const (
	// ManifestSuffix makes a manifest's key from its object's.
	ManifestSuffix = ".manifest.json"

	partialSuffix = ".partial"
	keyTime       = "20060102T150405Z"
	maxPart       = 100 // bytes: names behind a crypt remote have room for about 143
	hashDigits    = 16
)

// Key names one stored backup:
//
//	<instance>/<project>/<service>/<job>/<20261121T020000Z>-<run><extension>
//
// The time is UTC and to the second, so keys of a job sort by time. Names that cannot stand in a key as they are
// (capitals, other characters, too long) are altered and carry a hash of the true name, so that two names never
// share a folder; the true names stand in the manifest.
type Key struct {
	Instance, Project, Service, Job string

	Time      time.Time
	RunID     string
	Extension string // ".sql.zst"
}

// String is the key as the target knows it.
func (k Key) String() string {
	return k.Folder() + k.Time.UTC().Format(keyTime) + "-" + runName(k.RunID) + extensionName(k.Extension)
}

// Folder is the job's own folder; it ends in a slash, or the care for "backups" would touch "backups-other".
func (k Key) Folder() string {
	return strings.Join([]string{partName(k.Instance), partName(k.Project), partName(k.Service), partName(k.Job)}, "/") + "/"
}

// ParseKey reads what String writes, and nothing else: no empty, relative or hidden parts. The names in the result
// are those of the key; where they were altered, only the manifest has the true ones.
func ParseKey(s string) (Key, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 5 {
		return Key{}, fmt.Errorf("parse key %q: want instance/project/service/job/time-run.extension", shorten(s))
	}
	for _, part := range parts[:4] {
		if partName(part) != part {
			return Key{}, fmt.Errorf("parse key %q: %q is not a name that a key can have", shorten(s), shorten(part))
		}
	}
	stamp, rest, found := strings.Cut(parts[4], "-")
	at, err := time.Parse(keyTime, stamp)
	if !found || err != nil || at.Format(keyTime) != stamp {
		return Key{}, fmt.Errorf("parse key %q: the file's name does not begin with a time like 20261121T020000Z-", shorten(s))
	}
	run, extension := rest, ""
	if dot := strings.IndexByte(rest, '.'); dot >= 0 {
		run, extension = rest[:dot], rest[dot:]
	}
	if runName(run) != run || extensionName(extension) != extension {
		return Key{}, fmt.Errorf("parse key %q: %q is not a run and an extension", shorten(s), shorten(rest))
	}
	return Key{
		Instance: parts[0], Project: parts[1], Service: parts[2], Job: parts[3],
		Time: at, RunID: run, Extension: extension,
	}, nil
}

// partName is the name as it can stand in a key on every storage: case-insensitive ones, and those that forbid
// leading or trailing dots, included.
func partName(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, name)
	if plain == name && name != "" && len(name) <= maxPart && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") {
		return name
	}
	plain = strings.Trim(plain, ".-")
	if room := maxPart - hashDigits - 1; len(plain) > room {
		plain = strings.TrimRight(plain[:room], ".-")
	}
	if plain == "" {
		plain = "x"
	}
	sum := sha256.Sum256([]byte(name))
	return plain + "-" + hex.EncodeToString(sum[:])[:hashDigits]
}

// runName is a part without dots, as the extension begins with the first one.
func runName(run string) string {
	if run != "" && len(run) <= maxPart && onlyPlain(run) && !strings.Contains(run, ".") {
		return run
	}
	return partName(strings.ReplaceAll(run, ".", "/")) // the slash is altered, and so is a name that had none
}

// extensionName lets through what looks like ".sql.zst" and replaces the rest by its hash.
func extensionName(extension string) string {
	plain := len(extension) <= 32 && onlyPlain(extension) && !strings.Contains(extension, "..") && !strings.HasSuffix(extension, ".")
	if extension == "" || plain && extension[0] == '.' && !reserved(extension) {
		return extension
	}
	sum := sha256.Sum256([]byte(extension))
	return ".x" + hex.EncodeToString(sum[:])[:hashDigits]
}

func onlyPlain(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "" // Trim stops at the first other one
}

// reserved endings have a meaning of their own on a target.
func reserved(extension string) bool {
	return strings.HasSuffix(extension, ".partial") || strings.HasSuffix(extension, ".json")
}

// shorten keeps a stranger's text from filling a message.
func shorten(s string) string {
	if len(s) <= 200 {
		return s
	}
	return s[:200] + "…"
}
