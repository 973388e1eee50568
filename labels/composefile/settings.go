package composefile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are the variables of the appliance that the files start, as far as labels are judged by them: its targets,
// its defaults and its time zone. Nothing else of any environment is looked at. A value that only the machine knows is
// taken from env; one that is in a file of its own is "file".
func Settings(ctx context.Context, files []string, env []string) (map[string]string, error) {
	project, err := load(ctx, files, env)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", strings.Join(append([]string{"compose files"}, files...), " "), err)
	}
	outside := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		outside[name] = value
	}
	out := map[string]string{}
	for _, service := range slices.Sorted(maps.Keys(project.Services)) {
		of := project.Services[service].Environment
		found := false
		for name, value := range of {
			if !strings.HasPrefix(name, "SIMPLEDEPLOY_") {
				continue
			}
			found = true
			text := outside[name]
			if value != nil {
				text = *value
			}
			if target, ok := strings.CutSuffix(name, "_FILE"); ok && strings.HasPrefix(name, "SIMPLEDEPLOY_TARGET_") {
				name, text = target, "file"
			}
			if judges(name) && text != "" {
				out[name] = text
			}
		}
		if zone := of["TZ"]; found && zone != nil && *zone != "" {
			out["TZ"] = *zone
		}
	}
	return out, nil
}

// judges says whether labels are judged by a variable.
func judges(name string) bool {
	return strings.HasPrefix(name, "SIMPLEDEPLOY_TARGET_") || strings.HasPrefix(name, "SIMPLEDEPLOY_DEFAULT_") ||
		slices.Contains([]string{"SIMPLEDEPLOY_LABEL_PREFIX", "SIMPLEDEPLOY_MIN_INTERVAL", "SIMPLEDEPLOY_AUTO"}, name)
}
