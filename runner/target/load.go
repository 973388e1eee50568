package target

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/accounting"

	_ "github.com/rclone/rclone/backend/local" // the built-in target; all others come with the package backends
)

// builtin is the name of the target that is there without any configuration.
const builtin = "local"

// Config is what the environment says about targets.
type Config struct {
	Paths       map[string]string // name → rclone path, "remote:folder"
	LocalDir    string            // folder of the built-in target "local"; empty: there is none
	ConfigFiles []string          // places of an rclone.conf: the first that exists is used, unless RCLONE_CONFIG names one
	Bandwidth   string            // rclone's syntax, "1M" or a timetable; empty: rclone's own setting
	Logger      *slog.Logger      // gets rclone's log; nil drops it
	MinFree     int64             // bytes that Put leaves free on a local target
}

// Load reads rclone's configuration and checks every target's, all errors joined. It does not touch the network: a
// storage that is away is no reason not to start. rclone keeps its settings in global variables, so Load is called
// once in a process, before anything else uses rclone.
func Load(ctx context.Context, c Config) (*Set, error) {
	if err := installConfig(c.ConfigFiles); err != nil {
		return nil, err
	}
	routeLog(c.Logger)
	if err := limitBandwidth(ctx, c.Bandwidth); err != nil {
		return nil, err
	}
	set := &Set{targets: map[string]*Target{}}
	if c.LocalDir != "" {
		set.targets[builtin] = &Target{name: builtin, path: asFolder(c.LocalDir), local: true, minFree: c.MinFree}
	}
	var errs []error
	for name, path := range c.Paths {
		t, err := newTarget(name, path, c.MinFree)
		if err != nil {
			errs = append(errs, fmt.Errorf("target %s: %w", name, err))
			continue
		}
		set.targets[name] = t
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return set, nil
}

// newTarget checks what can be known without the network.
func newTarget(name, path string, minFree int64) (*Target, error) {
	if name == "" || path == "" {
		return nil, errors.New("it needs a name and an rclone path, such as s3:bucket/backups")
	}
	kind, remote, folder, _, err := fs.ParseRemote(path)
	switch {
	case errors.Is(err, fs.ErrorNotFoundInConfigFile):
		return nil, fmt.Errorf("rclone knows no remote of that name: define it in rclone.conf, or by RCLONE_CONFIG_%s_TYPE and its relatives: %w",
			envName(path), err)
	case err != nil:
		return nil, fmt.Errorf("read the rclone path: %w", err)
	case kind.Name == "local" && !filepath.IsAbs(folder):
		return nil, fmt.Errorf("%q is not an rclone path: write remote:folder, or an absolute path for a folder of this machine", folder)
	case kind.Name != "local" && folder == "" && remote == "":
		return nil, errors.New("the rclone path names no remote")
	}
	_, local := localRoot(path)
	return &Target{name: name, path: asFolder(path), local: local, minFree: minFree}, nil
}

// asFolder ends the path in a slash: see open.
func asFolder(path string) string {
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, ":") {
		return path
	}
	return path + "/"
}

func envName(path string) string {
	remote, _, _ := strings.Cut(path, ":")
	return strings.ToUpper(strings.ReplaceAll(remote, "-", "_"))
}

// limitBandwidth applies rclone's limits, which count what goes over the network.
func limitBandwidth(ctx context.Context, bandwidth string) error {
	ci := fs.GetConfig(ctx)
	if bandwidth != "" {
		var timetable fs.BwTimetable
		if err := timetable.Set(bandwidth); err != nil {
			return fmt.Errorf("read the bandwidth %q: %w: write it like 10M, 512k:2M or \"08:00,1M 19:00,off\"", bandwidth, err)
		}
		ci.BwLimit = timetable
	}
	if len(ci.BwLimit) > 0 || ci.TPSLimit > 0 {
		accounting.Start(ctx)
	}
	return nil
}

func routeLog(logger *slog.Logger) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	fs.SetLogger(logger.Handler())
}

// localRoot says whether the path leads to a file system of this machine, also through remotes that wrap another
// one, and to which folder.
func localRoot(path string) (string, bool) {
	for range 5 { // remotes that wrap each other in a circle end here
		kind, _, folder, settings, err := fs.ConfigFs(path)
		if err != nil {
			return "", false
		}
		if kind.Name == "local" {
			return folder, true
		}
		wrapped, found := settings.Get("remote")
		if !slices.Contains([]string{"crypt", "alias", "chunker", "compress", "hasher"}, kind.Name) || !found {
			return "", false
		}
		path = wrapped
	}
	return "", false
}
