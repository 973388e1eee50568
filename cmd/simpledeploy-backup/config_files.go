package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
)

// maxSecretFile bounds what a _FILE variable may point at: a token or a path, not a disk.
const maxSecretFile = 64 << 10

// resolveFiles returns our part of the environment with every _FILE twin replaced by its content, less the last
// newline. Both forms at once, a missing file and an empty one are errors: a secret is never silently left out.
func resolveFiles(environ map[string]string) (map[string]string, error) {
	values := make(map[string]string)
	var errs []error
	for _, name := range sorted(maps.Keys(environ)) {
		short, ours := strings.CutPrefix(name, envPrefix)
		if !ours {
			continue
		}
		base, isFile := strings.CutSuffix(short, "_FILE")
		switch {
		case environ[name] == "":
			values[name] = ""
			errs = append(errs, fmt.Errorf("%s is set but empty; give it a value or take it out", name))
		case !isFile || !hasTwin(base):
			values[name] = environ[name]
		default:
			if _, both := environ[envPrefix+base]; both {
				errs = append(errs, fmt.Errorf("%s and %s are both set; keep one of them", envPrefix+base, name))
				continue
			}
			value, err := readSecret(environ[name])
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			values[envPrefix+base] = value
		}
	}
	return values, errors.Join(errs...)
}

// hasTwin says whether a variable may hold a secret, and so may come from a file.
func hasTwin(short string) bool {
	for _, f := range fields() {
		if f.name == envPrefix+short {
			return f.secret
		}
	}
	name, isTarget := strings.CutPrefix(short, "TARGET_")
	return isTarget && name != ""
}

// readSecret reads a small file whole.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", path, maxSecretFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}
