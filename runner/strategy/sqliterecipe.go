package strategy

import (
	"fmt"
	"path"
	"strings"
)

// sqliteRecipe puts the files in their places with ordinary tools, and removes what SQLite left beside the old ones: a
// -wal of those would be played into the new ones.
func sqliteRecipe(opt Options) string {
	var stale, put []string
	for _, f := range opt.Files {
		for _, side := range []string{"-wal", "-shm", "-journal"} {
			stale = append(stale, shellWord(f.Path+side))
		}
	}
	if opt.Extension == ".tar" {
		put = append(put, "tar --extract --file - --directory / --same-owner --same-permissions --numeric-owner")
	} else if len(opt.Files) == 1 {
		f := opt.Files[0]
		to := shellWord(f.Path + ".restored")
		put = append(put, "mkdir -p "+shellWord(path.Dir(f.Path)), "cat > "+to, fmt.Sprintf("chown %d:%d %s", f.UID, f.GID, to),
			fmt.Sprintf("chmod %o %s", f.Mode, to), "mv "+to+" "+shellWord(f.Path))
	}
	inner := strings.Join(append([]string{"rm -f " + strings.Join(stale, " ")}, put...), " &&\n  ")
	return `# Stop what has the databases open, put them in their places, start again. Any image with GNU tar will do.
docker stop "$CONTAINER" >/dev/null &&
docker run --rm -i --network none --volumes-from "$CONTAINER" "${TAR_IMAGE:-debian:bookworm-slim}" sh -c ` + shellWord(inner) + ` &&
docker start "$CONTAINER" >/dev/null
`
}

func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
