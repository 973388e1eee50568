package runner

import (
	"fmt"

	"github.com/simpledeploy/backup/runner/strategy"
)

// refuseOwnData refuses to read or replace the folder that holds the record and the local backups.
func (r *Runner) refuseOwnData(entry strategy.Entry, info strategy.Info, paths []string) error {
	if !entry.Files || r.cfg.Own == nil {
		return nil
	}
	own, ok := r.cfg.Own()
	if !ok {
		return nil
	}
	for _, m := range mountsOf(info, paths) {
		for _, o := range mountsOf(own, []string{r.cfg.DataDir}) {
			if m.Type == "volume" && o.Type == "volume" && m.Name == o.Name || m.Source != "" && m.Source == o.Source {
				return fmt.Errorf("%s of %s is this appliance's own %s: leave it out with the label paths", m.Destination, info.Name, o.Destination)
			}
		}
	}
	return nil
}
