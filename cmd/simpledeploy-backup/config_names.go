package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/labels"
)

// localTarget is the target that always exists: a folder in DATA_DIR.
const localTarget = "local"

// field is one variable of the config struct.
type field struct {
	field, name, def, doc string
	secret                bool
}

// fields lists the variables that have a fixed name, in the order of the struct.
func fields() []field {
	var all []field
	for f := range reflect.TypeFor[config]().Fields() {
		if name := f.Tag.Get("env"); name != "-" {
			all = append(all, field{
				field: f.Name, name: envPrefix + name,
				def: f.Tag.Get("envDefault"), doc: f.Tag.Get("doc"), secret: f.Tag.Get("secret") == "true",
			})
		}
	}
	return all
}

// unavailable are the variables of parts that this version does not have. They refuse the start: a recipient
// that is accepted and never used would be an unencrypted backup.
func unavailable() []string {
	return []string{
		"AGE_RECIPIENTS", "AGE_IDENTITY", "AGE_PASSPHRASE", "MANIFEST_KEY", "SPOOL", "REVERIFY",
		"NOTIFY_URLS", "NOTIFY_ON", "WEBHOOK_URL", "WEBHOOK_SECRET",
		"SELF_BACKUP_SCHEDULE", "SELF_BACKUP_TARGET", "SELF_BACKUP_RETENTION", "SELF_BACKUP_COMPACT",
	}
}

// checkNames refuses what nobody reads: a misspelt variable must not be a setting that silently does not hold.
func checkNames(values map[string]string) error {
	var errs []error
	for _, name := range sorted(maps.Keys(values)) {
		if err := checkName(name, strings.TrimPrefix(name, envPrefix)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func checkName(name, short string) error {
	if slices.ContainsFunc(fields(), func(f field) bool { return f.name == name }) {
		return nil
	}
	if slices.Contains(unavailable(), strings.TrimSuffix(short, "_FILE")) || strings.HasPrefix(short, "PING_") {
		return fmt.Errorf("%s: not available in this version; take it out", name)
	}
	for _, prefix := range []string{"TARGET_", "RETENTION_"} {
		if rest, ok := strings.CutPrefix(short, prefix); ok {
			return checkTargetName(name, rest)
		}
	}
	if key, ok := strings.CutPrefix(short, "DEFAULT_"); ok {
		return checkDefault(name, key)
	}
	return unknown(name, knownNames())
}

func checkTargetName(name, rest string) error {
	if rest != strings.ToUpper(rest) || !isName(strings.ToLower(rest), "_-") {
		return fmt.Errorf("%s: what follows the last underscore of the family must be a name of capital letters, digits and underscores", name)
	}
	return nil
}

// checkDefault refuses defaults for keys that do not exist, cannot have one, or come with a later version.
func checkDefault(name, key string) error {
	var known []string
	for _, k := range labels.Keys() {
		if !k.Env {
			continue
		}
		if envKey(k.Name) == key {
			if !k.Available {
				return fmt.Errorf("%s: not available in this version; take it out", name)
			}
			return nil
		}
		known = append(known, envPrefix+"DEFAULT_"+envKey(k.Name))
	}
	return unknown(name, known)
}

// readFamilies fills the maps from the variables whose names are open.
func (c *config) readFamilies(values map[string]string) error {
	c.Targets, c.Retentions, c.Defaults = map[string]string{}, map[string]labels.Retention{}, map[string]string{}
	var errs []error
	for _, name := range sorted(maps.Keys(values)) {
		short, value := strings.TrimPrefix(name, envPrefix), values[name]
		if value == "" {
			continue
		}
		if target, ok := strings.CutPrefix(short, "TARGET_"); ok {
			c.Targets[strings.ToLower(target)] = value
		}
		if target, ok := strings.CutPrefix(short, "RETENTION_"); ok {
			policy, err := labels.ParseRetention(value)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			c.Retentions[strings.ToLower(target)] = policy
		}
		if key, ok := strings.CutPrefix(short, "DEFAULT_"); ok {
			c.Defaults[strings.ReplaceAll(strings.ToLower(key), "_", "-")] = value
		}
	}
	known := c.targetNames()
	for _, target := range sorted(maps.Keys(c.Retentions)) {
		if !slices.Contains(known, target) {
			name := envPrefix + "RETENTION_" + envKey(target)
			errs = append(errs, fmt.Errorf("%s: no target has that name; known are %s", name, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// envKey writes a label's key as part of a variable's name.
func envKey(key string) string { return strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }

// knownNames lists what a misspelt variable may have meant.
func knownNames() []string {
	var known []string
	for _, f := range fields() {
		known = append(known, f.name)
		if f.secret {
			known = append(known, f.name+"_FILE")
		}
	}
	for _, k := range labels.Keys() {
		if k.Env && k.Available {
			known = append(known, envPrefix+"DEFAULT_"+envKey(k.Name))
		}
	}
	return known
}

// unknown says that a variable means nothing, and which one may have been meant.
func unknown(name string, known []string) error {
	short := make([]string, len(known))
	for i, k := range known {
		short[i] = strings.TrimPrefix(k, envPrefix)
	}
	if best := closest(strings.TrimPrefix(name, envPrefix), short); best != "" {
		return fmt.Errorf("%s: unknown variable; did you mean %s?", name, envPrefix+best)
	}
	return fmt.Errorf("%s: unknown variable; take it out (docs/reference/environment.md lists all)", name)
}

func sorted(seq iter.Seq[string]) []string { return slices.Sorted(seq) }
