package labels

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func setQuiesce(d *draft, v string) (err error) {
	d.Quiesce, err = oneOf(v, "none", "pause", "stop")
	return err
}

func setStopTimeout(d *draft, v string) (err error) { d.StopTimeout, err = positive(v); return err }
func setHookTimeout(d *draft, v string) (err error) { d.HookTimeout, err = positive(v); return err }

func setCompression(d *draft, v string) error {
	algorithm, level, leveled := strings.Cut(strings.ToLower(v), ":")
	algorithm, err := oneOf(algorithm, "zstd", "gzip", "none")
	if err != nil {
		return err
	}
	if leveled && algorithm != "zstd" {
		return hint(algorithm+" has no levels here", "write "+algorithm+" alone")
	}
	if leveled {
		if level, err = oneOf(level, "fastest", "default", "better", "best"); err != nil {
			_, suggestion := split(err)
			return hint("unknown level", suggestion)
		}
	} else if algorithm == "zstd" {
		level = "default"
	}
	d.Compression = Compression{Algorithm: algorithm, Level: level}
	return nil
}

func setEncryption(d *draft, v string) (err error) {
	d.Encryption, err = oneOf(v, "none", "age")
	return err
}

func setVerify(d *draft, v string) (err error) {
	d.Verify, err = oneOf(v, "size", "readback")
	return err
}

func setGroup(d *draft, v string) error {
	if !plainName.MatchString(v) {
		return errors.New("a group's name has small letters, digits and hyphens, at most 32")
	}
	d.Group = v
	return nil
}

func setNotify(d *draft, v string) (err error) {
	d.Notify, err = oneOf(v, "failure", "always", "never", "change")
	return err
}

func setPing(d *draft, v string) error {
	name := strings.ToLower(v)
	if !slices.Contains(d.cfg.Pings, name) {
		return hint(fmt.Sprintf("the environment defines no dead-man switch called %q", shown(name)), "set SIMPLEDEPLOY_PING_<NAME>")
	}
	d.Ping = name
	return nil
}

func setDrill(d *draft, v string) error {
	if strings.EqualFold(v, "each") {
		d.Drill = "each"
		return nil
	}
	s, err := parseScheduleIn(v, d.zone, d.cfg.MinInterval)
	d.Drill = s.Spec
	return err
}

func setExtension(d *draft, v string) error {
	if !fileEnding.MatchString(v) || len(v) > 16 {
		return errors.New("an extension has small letters, digits and dots, at most 16")
	}
	d.Extension = "." + strings.TrimPrefix(v, ".")
	for _, reserved := range []string{".json", ".partial", ".sig"} {
		if strings.HasSuffix(d.Extension, reserved) {
			return hint(reserved+" ends the names of other files on a target", "write another one, such as .dump")
		}
	}
	return nil
}

func setPre(d *draft, v string) error            { return setCommand(&d.Pre, v) }
func setPost(d *draft, v string) error           { return setCommand(&d.Post, v) }
func setDrillCommand(d *draft, v string) error   { return setCommand(&d.DrillCommand, v) }
func setDumpCommand(d *draft, v string) error    { return setCommand(&d.DumpCommand, v) }
func setRestoreCommand(d *draft, v string) error { return setCommand(&d.RestoreCommand, v) }

func setCommand(field *string, v string) error {
	if strings.ContainsRune(v, 0) {
		return errors.New("a command cannot hold a NUL byte")
	}
	*field = v
	return nil
}
