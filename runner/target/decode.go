package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

const (
	// MaxManifest bounds what is read as a manifest.
	MaxManifest = 1 << 20
	// maxRaw bounds what a manifest may claim to unpack to: no backup is a pebibyte.
	maxRaw = 1 << 50
)

// DecodeManifest reads the manifest of the object named key. Whoever can write to a bucket can write manifests: what
// it says must fit the key, its sizes are bounded. Fields that this version does not know are passed over; a format
// that it does not know is refused.
func DecodeManifest(key string, b []byte) (Manifest, error) {
	key = strings.TrimSuffix(key, ManifestSuffix)
	m, err := decodeManifest(b)
	if err == nil {
		err = m.check(key)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("decode manifest of %q: %w", shorten(key), err)
	}
	return m, nil
}

func decodeManifest(b []byte) (Manifest, error) {
	if len(b) > MaxManifest {
		return Manifest{}, fmt.Errorf("it has %d bytes, more than the %d allowed", len(b), MaxManifest)
	}
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &format); err != nil {
		return Manifest{}, fmt.Errorf("it is not the JSON of a manifest: %w", err)
	}
	if format.Format > ManifestFormat {
		return Manifest{}, fmt.Errorf("its format %d is newer than this version's %d: use a newer version", format.Format, ManifestFormat)
	}
	var file manifestFile
	if err := json.Unmarshal(b, &file); err != nil {
		return Manifest{}, fmt.Errorf("it is not the JSON of a manifest: %w", err)
	}
	m := Manifest(file.manifestFields)
	m.Databases, m.Paths, m.Exclude = file.Options.Databases, file.Options.Paths, file.Options.Exclude
	return m, nil
}

// check says why the manifest cannot be that of the object named key.
func (m Manifest) check(key string) error {
	if m.Format != ManifestFormat {
		return fmt.Errorf("its format is %d, not %d", m.Format, ManifestFormat)
	}
	if m.Key != key {
		return fmt.Errorf("it names the object %q", shorten(m.Key))
	}
	k, err := ParseKey(key)
	if err != nil {
		return err
	}
	for _, name := range []struct{ what, inKey, here string }{
		{"instance", k.Instance, partName(m.Instance)}, {"project", k.Project, partName(m.Project)},
		{"service", k.Service, partName(m.Service)}, {"job", k.Job, partName(m.Job)}, {"run", k.RunID, runName(m.Run)},
	} {
		if name.inKey != name.here {
			return fmt.Errorf("its %s does not fit the key: %q is not %q", name.what, shorten(name.here), name.inKey)
		}
	}
	return m.checkContent(k)
}

func (m Manifest) checkContent(k Key) error {
	switch {
	case m.Strategy == "":
		return errors.New("it names no strategy")
	case m.Stored.Bytes < 0 || m.Raw.Bytes < 0 || m.Raw.Bytes > maxRaw || m.Stored.Bytes > maxRaw:
		return fmt.Errorf("its sizes cannot be: %d bytes stored, %d raw", m.Stored.Bytes, m.Raw.Bytes)
	case !isHex(m.Stored.SHA256, 64):
		return errors.New("its sha256 is not one")
	case !isHex(m.Raw.XXH64, 16):
		return errors.New("its xxh64 is not one")
	case slices.ContainsFunc(m.Files, func(f File) bool { return !f.plausible() }):
		return errors.New("it names a file that cannot be")
	case len(m.Stages) > 8:
		return fmt.Errorf("it has %d stages", len(m.Stages))
	case !strings.HasPrefix(k.Extension, m.Raw.Extension):
		return fmt.Errorf("its extension %q does not fit the key's %q", shorten(m.Raw.Extension), k.Extension)
	}
	return nil
}

// plausible refuses paths that are none of a container's files, modes beyond permissions, and impossible sizes.
func (f File) plausible() bool {
	return path.IsAbs(f.Path) && path.Clean(f.Path) == f.Path && !strings.ContainsRune(f.Path, 0) && f.Mode <= 0o7777 && f.Bytes >= 0 && f.Bytes <= maxRaw
}

func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}
