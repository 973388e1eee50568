package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// recoverPatience is how long a restore is tried to be recovered whose place in the service is gone.
const recoverPatience = 24 * time.Hour

// errNoPlace is a path of a backup that lies on no volume or bind of the container.
var errNoPlace = errors.New("its container has no volume or bind there any more")

// havePlace refuses paths that the helper could not reach: each has to lie on a volume or a bind of the container as it
// is now. Asked before anything is journalled or held.
func havePlace(info strategy.Info, paths []string) error {
	for _, p := range paths {
		best := strategy.Mount{}
		for _, m := range info.Mounts {
			d := strings.TrimSuffix(path.Clean(m.Destination), "/")
			if (p == m.Destination || strings.HasPrefix(path.Clean(p)+"/", d+"/")) && len(d) >= len(best.Destination) {
				best = m
			}
		}
		if best.Type != "volume" && best.Type != "bind" {
			return fmt.Errorf("%s of the backup cannot be put back into container %s: %w; mount one there, or use --to-dir", p, info.Name, errNoPlace)
		}
	}
	return nil
}

// recoverLater says whether a restore that could not be recovered is worth another try. One whose place has been gone
// for a day can never be: that is said, and what it held comes back.
func (r *Runner) recoverLater(ctx context.Context, e store.Entry, err error) error {
	gone := errors.Is(err, errNoPlace) || errors.Is(err, strategy.ErrNoContainer)
	if !gone || r.now().Sub(e.At) <= recoverPatience {
		return err
	}
	var note restoreNote
	if broken := json.Unmarshal(e.Data, &note); broken != nil {
		return errors.Join(err, broken)
	}
	r.log.Error().Err(err).Str("service", e.Project+"/"+e.Service).Msgf("a restore that was cut short is given up after %s; what it staged on the volume, if that still exists, stays there", recoverPatience)
	return r.giveUpRestore(ctx, e, note)
}

// placesIn are the paths that a restore with these options writes to.
func placesIn(opt strategy.Options) []string {
	if len(opt.Files) == 0 {
		return opt.Paths
	}
	var paths []string
	for _, f := range opt.Files {
		paths = append(paths, f.Path)
	}
	return paths
}
