package labels

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// draft is a job while its keys are put in, one after the other.
type draft struct {
	Job
	cfg      *Config
	disabled bool
	strategy string // the word in the label
	spec     string
	zone     *time.Location
	zones    map[string]*time.Location // those read so far: each is a file
	quorum   int                       // 0: all
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	plainName    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	fileEnding   = regexp.MustCompile(`^\.?[a-z0-9]+(\.[a-z0-9]+)*$`)
)

func oneOf(value string, words ...string) (string, error) {
	lower := strings.ToLower(value)
	if slices.Contains(words, lower) {
		return lower, nil
	}
	suggestion := didYouMean(lower, words)
	if suggestion == "" {
		suggestion = "write one of " + strings.Join(words, ", ")
	}
	return "", hint("unknown value", suggestion)
}

// commaList splits at commas and line ends, which people use in multi-line labels.
func commaList(value string) ([]string, error) {
	var out []string
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '\n' }) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if slices.Contains(out, part) {
			return nil, fmt.Errorf("%q is named twice", part)
		}
		out = append(out, part)
	}
	if len(out) == 0 {
		return nil, hint("the list is empty", "name at least one, or take the label out")
	}
	return out, nil
}

func positive(value string) (time.Duration, error) {
	d, err := ParseDuration(value)
	if err == nil && d <= 0 {
		return 0, errors.New("it must be longer than 0")
	}
	return d, err
}

func count(value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("it must be a whole number from %d to %d", least, most)
	}
	return n, nil
}

func setEnable(d *draft, v string) error {
	word, err := oneOf(v, "true", "false")
	if err != nil {
		suggestion := "write true or false"
		switch strings.ToLower(v) {
		case "no", "off", "0", "n", "disabled":
			suggestion = "did you mean false?"
		case "yes", "on", "1", "y", "enabled":
			suggestion = "did you mean true?"
		}
		return hint("it is neither true nor false", suggestion)
	}
	d.disabled = word == "false"
	return nil
}

func setStrategy(d *draft, v string) error {
	d.strategy = strings.ToLower(v)
	words := []string{"auto"}
	for _, s := range d.cfg.Strategies {
		words = append(append(words, s.Name), s.Aliases...)
	}
	_, err := oneOf(v, words...)
	if err != nil {
		_, suggestion := split(err)
		return hint("unknown strategy", suggestion)
	}
	return nil
}

func setPaths(d *draft, v string) error {
	paths, err := commaList(v)
	if err != nil {
		return err
	}
	for i, p := range paths {
		if !path.IsAbs(p) {
			return hint(fmt.Sprintf("%q is not an absolute path in the container", p), "write the whole path, such as /data")
		}
		if strings.ContainsRune(p, 0) {
			return errors.New("a path cannot hold a NUL byte")
		}
		paths[i] = path.Clean(p)
	}
	slices.Sort(paths)
	d.Paths = slices.Compact(paths)
	return nil
}

func setExclude(d *draft, v string) error {
	patterns, err := commaList(v)
	if err != nil {
		return err
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return hint(fmt.Sprintf("%q is not a glob pattern", p), "a literal [ is written \\[")
		}
	}
	d.Exclude = patterns
	return nil
}

func setDatabases(d *draft, v string) error {
	names, err := commaList(v)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch {
		case strings.EqualFold(name, "all") && len(names) == 1:
			d.Databases = nil
			return nil
		case strings.EqualFold(name, "all"):
			return hint("all stands among names", "write all alone, or the names alone")
		case strings.HasPrefix(name, "-") || hasControl(name):
			return fmt.Errorf("%q cannot be a database's name here", shown(name))
		}
	}
	d.Databases = names
	return nil
}

func setUser(d *draft, v string) error {
	if strings.HasPrefix(v, "-") || hasControl(v) || len(v) > 128 {
		return errors.New("it cannot be an account's name")
	}
	d.User = v
	return nil
}

func setPasswordEnv(d *draft, v string) error {
	if !variableName.MatchString(v) {
		return hint("it is not a variable's name", "name the variable inside the container that holds the password, such as POSTGRES_PASSWORD")
	}
	d.PasswordEnv = v
	return nil
}

func setPasswordFile(d *draft, v string) error {
	if !path.IsAbs(v) || hasControl(v) {
		return hint("it is not an absolute path in the container", "name the file inside the container that holds the password, such as /run/secrets/db")
	}
	d.PasswordFile = path.Clean(v)
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func setSchedule(d *draft, v string) error { d.spec = v; return nil }

func setTimezone(d *draft, v string) error {
	zone, ok := d.zones[v]
	if !ok {
		var err error
		if zone, err = parseZone(v); err != nil {
			return err
		}
		d.zones[v] = zone
	}
	d.zone = zone
	return nil
}

func setJitter(d *draft, v string) (err error)  { d.Jitter, err = ParseDuration(v); return err }
func setTimeout(d *draft, v string) (err error) { d.Timeout, err = positive(v); return err }
func setRPO(d *draft, v string) (err error)     { d.RPO, err = positive(v); return err }
func setRetries(d *draft, v string) (err error) { d.Retries, err = count(v, 0, 10); return err }

func setRetention(d *draft, v string) (err error) {
	d.Retention, err = ParseRetention(v)
	return err
}

func setTarget(d *draft, v string) error {
	names, err := commaList(strings.ToLower(v))
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(d.cfg.Targets, name) {
			continue
		}
		suggestion := didYouMean(name, d.cfg.Targets)
		if suggestion == "" {
			suggestion = "set SIMPLEDEPLOY_TARGET_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			if len(d.cfg.Targets) > 0 {
				suggestion += ", or name one of " + strings.Join(d.cfg.Targets, ", ")
			}
		}
		return hint(fmt.Sprintf("the environment defines no target called %q", shown(name)), suggestion)
	}
	d.Targets = names
	return nil
}

func setQuorum(d *draft, v string) (err error) {
	if strings.EqualFold(v, "all") {
		d.quorum = 0
		return nil
	}
	d.quorum, err = count(v, 1, 100)
	return err
}
