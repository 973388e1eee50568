package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// volume archives the files under a container's mounts and puts them back exactly. The work is done by the helper
// program beside the container, so the image needs no tool, and a stopped container can be backed up too.
type volume struct{}

func volumeEntry() Entry {
	return Entry{
		Name: "volume", Extension: ".tar",
		Available: true, Files: true, Stop: true, Stages: true,
		Strategy: volume{}, Prover: newTarProver, Recipe: volumeRecipe,
	}
}

// volumeArgs are what the helper's operations are told.
type volumeArgs struct {
	Token    string   `json:"token,omitempty"`
	Exclude  []string `json:"exclude,omitempty"`
	Covered  []string `json:"covered,omitempty"`
	Defaults bool     `json:"defaults,omitempty"`
	ReadOnly []string `json:"read_only,omitempty"`
	Need     int64    `json:"need,omitempty"`
}

// volumeTrailer is what they tell at their end.
type volumeTrailer struct {
	Entries  int64    `json:"entries"`
	Bytes    int64    `json:"bytes"`
	Digest   string   `json:"digest"`
	Warnings []string `json:"warnings"`
}

// Dump writes one archive of all paths. Files that change, grow, shrink or vanish meanwhile are named in the
// report's warnings; the archive is whole all the same.
func (volume) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	cmd, err := volumeCommand("archive", c.Info(), opt)
	if err != nil {
		return Report{}, err
	}
	var t volumeTrailer
	cmd.Stdout, cmd.Trailer = w, &t
	if err := c.Help(ctx, cmd); err != nil {
		return Report{}, fmt.Errorf("archive %s: %w", strings.Join(cmd.Paths, ", "), err)
	}
	return Report{Warnings: t.Warnings}, nil
}

// Restore unpacks r beside the files, and swaps them only when r has ended well. What is not in the archive is gone
// afterwards, but for what opt.Exclude kept out of it.
func (volume) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	cmd, err := volumeCommand("restore", c.Info(), opt)
	if err != nil {
		return Report{}, err
	}
	var t volumeTrailer
	cmd.Writable, cmd.Stdin, cmd.Trailer = true, r, &t
	if err := c.Help(ctx, cmd); err != nil {
		return Report{}, fmt.Errorf("restore %s: %w", strings.Join(cmd.Paths, ", "), err)
	}
	return Report{
		Warnings: t.Warnings,
		Restored: &Proof{Format: "tar", Entries: t.Entries, Bytes: t.Bytes, Digest: t.Digest},
	}, nil
}

// Recover finishes or undoes a restore that was cut off.
func (volume) Recover(ctx context.Context, c Container, opt Options) error {
	cmd, err := volumeCommand("recover", c.Info(), opt)
	if err != nil {
		return err
	}
	cmd.Writable = true
	if err := c.Help(ctx, cmd); err != nil {
		return fmt.Errorf("recover the restore of %s: %w", strings.Join(cmd.Paths, ", "), err)
	}
	return nil
}

func volumeCommand(op string, info Info, opt Options) (HelperCommand, error) {
	paths, err := volumePaths(info, opt.Paths)
	if err != nil {
		return HelperCommand{}, err
	}
	var covered, readOnly []string
	for _, m := range info.Mounts {
		if !m.ReadWrite {
			readOnly = append(readOnly, path.Clean(m.Destination))
		}
		if !slices.Contains(paths, path.Clean(m.Destination)) {
			covered = append(covered, path.Clean(m.Destination))
		}
	}
	return HelperCommand{
		Op: op, Paths: paths,
		Args: volumeArgs{
			Token: opt.Token, Exclude: opt.Exclude, Covered: covered, Defaults: len(opt.Paths) == 0, ReadOnly: readOnly, Need: opt.Size,
		},
	}, nil
}

// volumePaths are the named ones, or else every volume and every bind below the project's working directory. Sockets
// and read-only single files among the latter are left out by the helper, which can look at them.
func volumePaths(info Info, named []string) ([]string, error) {
	var paths []string
	if len(named) == 0 {
		dir := info.Labels["com.docker.compose.project.working_dir"]
		for _, m := range info.Mounts {
			if m.Type == "volume" || m.Type == "bind" && dir != "" && within(path.Clean(m.Source), path.Clean(dir)) {
				paths = append(paths, path.Clean(m.Destination))
			}
		}
		if len(paths) == 0 {
			return nil, errors.New("the container has no volume, and no bind mount below its project's folder: name what to back up with the paths label")
		}
	}
	for _, p := range named {
		if !path.IsAbs(p) {
			return nil, fmt.Errorf("path %q: must be absolute, as it is inside the container", p)
		}
		paths = append(paths, path.Clean(p))
	}
	slices.Sort(paths)
	return outermost(info, slices.Compact(paths)), nil
}

// outermost drops paths that lie in another one of the same mount: they are archived with it.
func outermost(info Info, paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		return slices.ContainsFunc(paths, func(o string) bool {
			return o != p && within(p, o) && mountOf(info, p) == mountOf(info, o)
		})
	})
}

func mountOf(info Info, p string) string {
	best := ""
	for _, m := range info.Mounts {
		if d := path.Clean(m.Destination); within(p, d) && len(d) > len(best) {
			best = d
		}
	}
	return best
}

func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// volumeRecipe unpacks over what is there with GNU tar. It does not remove what the archive lacks.
func volumeRecipe(Options) string {
	return `# Stop what writes to the volumes, unpack over them, start again. Files that came after the backup stay:
# empty the folders before, if they shall hold nothing else. Any image with GNU tar will do.
docker stop "$CONTAINER" >/dev/null &&
docker run --rm -i --network none --volumes-from "$CONTAINER" "${TAR_IMAGE:-debian:bookworm-slim}" \
  tar --extract --file - --directory / --same-owner --same-permissions --numeric-owner --xattrs --xattrs-include='*' &&
docker start "$CONTAINER" >/dev/null
`
}
