package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/dustin/go-humanize"
	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/labels"
)

// envPrefix begins every variable of ours.
const envPrefix = "SIMPLEDEPLOY_"

// byteSize is a number of bytes, written like 1GiB.
type byteSize int64

// config is what the environment says, checked as a whole. Its tags are also the table that the reference page is
// made from: env is the name, envDefault the default, secret marks a _FILE twin, doc says what it does.
type config struct {
	DataDir            string        `env:"DATA_DIR" envDefault:"/data" doc:"Folder for the record, the built-in target and the control socket. Mount a volume here."`
	Listen             string        `env:"LISTEN" envDefault:":8080" doc:"Address of the status endpoint inside the container."`
	Token              string        `env:"TOKEN" secret:"true" doc:"Bearer token. With it, reads need it and POSTs are allowed; without it every POST over TCP is refused."`
	Instance           string        `env:"INSTANCE" doc:"Name of this host in keys. Taken from the engine at the first start and kept, so that a renamed host keeps its history."`
	Projects           []string      `env:"PROJECTS" doc:"Compose projects to watch, comma separated; \u0060self\u0060 is the appliance's own. Not set: all."`
	LabelPrefix        string        `env:"LABEL_PREFIX" envDefault:"simpledeploy" doc:"First part of the labels, so that two appliances can share a host."`
	Auto               bool          `env:"AUTO" envDefault:"false" doc:"Back up recognised databases without labels, too, with the defaults."`
	Concurrency        int           `env:"CONCURRENCY" envDefault:"2" doc:"Runs at the same time, over all jobs."`
	CompressionWorkers int           `env:"COMPRESSION_WORKERS" doc:"Cores that compress one stream side by side. Not set: all, at most 4."`
	MinInterval        time.Duration `env:"MIN_INTERVAL" envDefault:"1m" doc:"No label may ask for a schedule that fires more often."`
	CatchUp            bool          `env:"CATCH_UP" envDefault:"true" doc:"Run a job once at the start when a tick of it was missed meanwhile."`
	ShutdownGrace      time.Duration `env:"SHUTDOWN_GRACE" envDefault:"8s" doc:"Time for running backups to end after a stop signal. Docker kills after 10 seconds unless stop_grace_period says otherwise."`
	LogLevel           string        `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error."`
	LogFormat          string        `env:"LOG_FORMAT" envDefault:"json" doc:"json, or console for people."`
	MinFree            byteSize      `env:"MIN_FREE" envDefault:"1GiB" doc:"A run that would leave less than this on a local target does not start."`
	HelperImage        string        `env:"HELPER_IMAGE" doc:"Image of the helper container that reads volumes. Not set: the appliance's own."`
	Bandwidth          string        `env:"BANDWIDTH" doc:"Limit for transfers in rclone's syntax, timetable included: \u006010M\u0060, \u006008:00,512k 19:00,off\u0060."`
	HistoryRetention   time.Duration `env:"HISTORY_RETENTION" envDefault:"365d" doc:"How long the record keeps runs whose backups are gone. Those of backups that still exist stay."`

	Targets    map[string]string           `env:"-"` // name → rclone path
	Retentions map[string]labels.Retention `env:"-"` // target → what overrides the labels there
	Defaults   map[string]string           `env:"-"` // label key → value
	Timezone   string                      `env:"-"` // TZ
}

// loadConfig reads the whole environment and tells everything that is wrong with it at once: a value that is set but
// cannot be used stops the start, whatever it is.
func loadConfig(environ map[string]string) (config, error) {
	values, fileErr := resolveFiles(environ)
	errs := []error{fileErr, checkNames(values)}
	cfg, err := env.ParseAsWithOptions[config](env.Options{
		Prefix:      envPrefix,
		Environment: values,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): func(s string) (any, error) { return labels.ParseDuration(s) },
			reflect.TypeFor[byteSize]():      parseByteSize,
			reflect.TypeFor[bool]():          parseBool,
		},
	})
	refused, err := nameVariables(err)
	for _, name := range refused {
		delete(values, name) // said once is enough
	}
	cfg.Timezone = environ["TZ"]
	errs = append(errs, err, cfg.readFamilies(values), cfg.check(values))
	if err := errors.Join(errs...); err != nil {
		return config{}, err
	}
	if cfg.CompressionWorkers == 0 {
		cfg.CompressionWorkers = min(runtime.NumCPU(), 4)
	}
	return cfg, nil
}

// parseByteSize reads sizes with and without a unit.
func parseByteSize(s string) (any, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > 1<<62 {
		return nil, errors.New("not a size; write it like 1GiB or 500MB")
	}
	return byteSize(n), nil
}

// parseBool takes the two words and no others: a 0 or a yes would only be guessed at.
func parseBool(s string) (any, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, errors.New("must be true or false")
}

// nameVariables turns the parser's errors, which know fields, into sentences about variables, and names those.
func nameVariables(err error) (refused []string, named error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return nil, err
	}
	variable := make(map[string]string)
	for _, f := range fields() {
		variable[f.field] = f.name
	}
	var errs []error
	for _, err := range all.Errors {
		var parse env.ParseError
		if errors.As(err, &parse) && variable[parse.Name] != "" {
			refused = append(refused, variable[parse.Name])
			err = fmt.Errorf("%s: %w", variable[parse.Name], plain(parse.Err))
		}
		errs = append(errs, err)
	}
	return refused, errors.Join(errs...)
}

// plain takes the library's words out of the errors of its own parsers.
func plain(err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return errors.New("not a whole number")
	}
	return err
}

// check is everything that a single value's parser cannot see.
func (c *config) check(values map[string]string) error {
	var errs []error
	bad := func(short, format string, args ...any) {
		if name := envPrefix + short; values[name] != "" {
			errs = append(errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
		}
	}
	if !filepath.IsAbs(c.DataDir) {
		bad("DATA_DIR", "%q is not an absolute path", c.DataDir)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("LISTEN", "%q is not an address; write it like :8080 or 127.0.0.1:8080", c.Listen)
	}
	if !isName(c.LabelPrefix, ".-_") {
		bad("LABEL_PREFIX", "%q must be lower-case letters, digits, dots and dashes", c.LabelPrefix)
	}
	if c.Concurrency < 1 || c.Concurrency > 64 {
		bad("CONCURRENCY", "must be between 1 and 64")
	}
	if c.CompressionWorkers < 1 || c.CompressionWorkers > 64 {
		bad("COMPRESSION_WORKERS", "must be between 1 and 64")
	}
	if c.HistoryRetention <= 0 {
		bad("HISTORY_RETENTION", "must be longer than nothing")
	}
	if c.ShutdownGrace <= 0 {
		bad("SHUTDOWN_GRACE", "must be longer than nothing")
	}
	if c.MinInterval <= 0 {
		bad("MIN_INTERVAL", "must be longer than nothing")
	}
	if level, err := zerolog.ParseLevel(c.LogLevel); err != nil || level < zerolog.DebugLevel || level > zerolog.ErrorLevel {
		bad("LOG_LEVEL", "%q is not a level; write debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "json" && c.LogFormat != "console" {
		bad("LOG_FORMAT", "%q is not a format; write json or console", c.LogFormat)
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		errs = append(errs, fmt.Errorf("TZ: %q is not a time zone; write it like Europe/Berlin", c.Timezone))
	}
	for i, p := range c.Projects {
		if c.Projects[i] = strings.TrimSpace(p); c.Projects[i] == "" {
			bad("PROJECTS", "has an empty name in it")
			break
		}
	}
	return errors.Join(errs...)
}

// isName says whether s is lower case, begins with a letter or digit, and has only letters, digits and extra.
func isName(s, extra string) bool {
	for i, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !plain && (i == 0 || !strings.ContainsRune(extra, r)) {
			return false
		}
	}
	return s != ""
}

// environ is the process's environment as a map.
func environ() map[string]string {
	all := make(map[string]string)
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		all[name] = value
	}
	return all
}

// targetNames are the names that labels may use: those of the environment and the built-in one.
func (c *config) targetNames() []string {
	names := map[string]struct{}{localTarget: {}}
	for name := range c.Targets {
		names[name] = struct{}{}
	}
	return sorted(maps.Keys(names))
}
