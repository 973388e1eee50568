package labels

import (
	"slices"
	"strings"
)

// Key is one row of the table that drives decoding, defaults, suggestions and the reference page.
type Key struct {
	Name      string
	Values    string // what may be written
	Default   string // in words
	Doc       string
	Available bool // false: known, but its part of the program comes with a later version
	Env       bool // SIMPLEDEPLOY_DEFAULT_<NAME> may set a default

	fallback string                     // the value when nobody sets one; empty: the zero value
	fit      fit                        // strategies that it means something to
	set      func(*draft, string) error // checks the value and puts it into the job
	later    []string                   // values that come with a later version
}

// fit says which strategies a key means something to.
type fit int

const (
	fitsAll      fit = iota
	fitsFiles        // those that read files
	fitsDumps        // those that dump by a tool inside the container
	fitsCommands     // exec
)

func (f fit) has(s Strategy) bool {
	switch f {
	case fitsAll:
	case fitsFiles:
		return s.Files
	case fitsDumps:
		return !s.Files && s.Name != "exec"
	case fitsCommands:
		return s.Name == "exec"
	}
	return true
}

func (f fit) String() string {
	switch f {
	case fitsAll:
	case fitsFiles:
		return "strategies that read files"
	case fitsDumps:
		return "strategies that dump a database by its own tools"
	case fitsCommands:
		return "the exec strategy"
	}
	return "all strategies"
}

// Keys is the table, in the order of the reference page. To make a key or a value available is to change one word
// here.
func Keys() []Key {
	return slices.Concat(whatKeys(), whenKeys(), whereKeys(), howKeys(), checkKeys(), commandKeys())
}

func whatKeys() []Key {
	return []Key{
		{Name: "enable", Values: "`true`, `false`", Default: "true once any key is set", Available: true, set: setEnable,
			Doc: "Whether there is a job at all. `false` always wins."},
		{Name: "strategy", Values: "`auto`, `postgres`, `mysql`, `mariadb`, `mongo`, `redis`, `valkey`, `sqlite`, `volume`, `exec`", Default: "auto",
			Available: true, fallback: "auto", set: setStrategy,
			Doc: "How a consistent copy is read. `auto` goes by the image's name; without a known one it is `volume` if there are volumes. A label always wins over the image's name."},
		{Name: "paths", Values: "absolute paths in the container, comma separated", Default: "every volume, and binds below the project's folder",
			Available: true, fit: fitsFiles, set: setPaths,
			Doc: "What is read. Each must lie on a mount. For `sqlite`, also patterns (`/data/*.db`); by default every file with SQLite's header. Sockets and read-only single files are left out by default; binds outside the project's folder count only when they are named."},
		{Name: "exclude", Values: "glob patterns, comma separated", Default: "none", Available: true, fit: fitsFiles, set: setExclude,
			Doc: "What is left out. A restore leaves it alone."},
		{Name: "databases", Values: "names, comma separated, or `all`", Default: "all that the account can see, but the engine's own",
			Available: true, fit: fitsDumps, set: setDatabases, Doc: "Which databases are dumped."},
		{Name: "user", Values: "a name", Default: "from the container's own environment", Available: true, fit: fitsDumps, set: setUser,
			Doc: "The account that dumps and restores."},
		{Name: "password-env", Values: "a variable's name inside the container", Default: "from the container's own environment",
			Available: true, fit: fitsDumps, set: setPasswordEnv, Doc: "Where the password is; never the password."},
		{Name: "password-file", Values: "a file's path inside the container", Default: "from the container's own environment",
			Available: true, fit: fitsDumps, set: setPasswordFile, Doc: "Where the password is; never the password."},
	}
}

func whenKeys() []Key {
	return []Key{
		{Name: "schedule", Values: "five-field cron, `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every 6h`, `manual`", Default: "`0 2 * * *`",
			Available: true, Env: true, fallback: "0 2 * * *", set: setSchedule,
			Doc: "When it runs. A local time that summer time skips fires at once after the gap, one that comes twice fires once."},
		{Name: "timezone", Values: "an IANA zone such as `Europe/Berlin`", Default: "`TZ`, else UTC", Available: true, Env: true, set: setTimezone,
			Doc: "Whose clock the schedule follows."},
		{Name: "jitter", Values: "duration", Default: "0", Available: true, Env: true, fallback: "0", set: setJitter,
			Doc: "Spreads the start over this long. Shorter than the time between two runs."},
		{Name: "retries", Values: "count, 0 to 10", Default: "2", Available: true, Env: true, fallback: "2", set: setRetries,
			Doc: "How often a run is tried again after an error worth it (network, engine away), never after a broken dump."},
		{Name: "timeout", Values: "duration", Default: "6h", Available: true, Env: true, fallback: "6h", set: setTimeout,
			Doc: "When a run is given up."},
		{Name: "rpo", Values: "duration", Default: "none", Available: true, Env: true, set: setRPO,
			Doc: "A job without a good backup this recent is unhealthy."},
	}
}

func whereKeys() []Key {
	return []Key{
		{Name: "target", Values: "target names, comma separated", Default: "`local`", Available: true, Env: true, fallback: "local", set: setTarget,
			Doc: "Where it goes: names that `SIMPLEDEPLOY_TARGET_<NAME>` defines. The first takes the stream, the others get copies of it."},
		{Name: "quorum", Values: "count, or `all`", Default: "all", Available: true, Env: true, fallback: "all", set: setQuorum,
			Doc: "How many targets must hold the backup for the run to have succeeded."},
		{Name: "retention", Values: "`7` (the last 7), `14d`, `all`, or `last=3 within=48h hourly=24 daily=7 weekly=4 monthly=12 yearly=3`", Default: "7",
			Available: true, Env: true, fallback: "7", set: setRetention,
			Doc: "What is kept; each rule keeps what it names. `daily=7` keeps the newest backup of each day: a run by hand after a mistake takes the place of the good one of that day, so put `last=3` beside it. The newest good backup is never removed."},
	}
}

func howKeys() []Key {
	return []Key{
		{Name: "quiesce", Values: "`none`, `pause`, `stop`", Default: "none", Available: true, Env: true, fallback: "none", fit: fitsFiles, set: setQuiesce,
			Doc: "Whether the container is held while its files are read, and with `stop` what depends on it: see [holding a container](../quiesce.md)."},
		{Name: "stop-timeout", Values: "duration", Default: "the container's own", Available: true, Env: true, fit: fitsFiles, set: setStopTimeout,
			Doc: "How long the container has to stop before it is killed."},
		{Name: "compression", Values: "`zstd`, `zstd:fastest`, `zstd:default`, `zstd:better`, `zstd:best`, `gzip`, `none`", Default: "zstd",
			Available: true, Env: true, fallback: "zstd", set: setCompression, Doc: "How the stream is compressed."},
		{Name: "encryption", Values: "`age`, `none`", Default: "none", Available: true, Env: true, fallback: "none", set: setEncryption,
			later: []string{"age"}, Doc: "How the stream is encrypted."},
		{Name: "group", Values: "a name", Default: "none", Available: true, Env: true, set: setGroup,
			Doc: "Jobs of one project with the same group are one restore point: what they hold is held together while all of them are read. They have one schedule, timezone and jitter. See [groups](../groups.md)."},
	}
}

func checkKeys() []Key {
	return []Key{
		{Name: "verify", Values: "`size`, `readback`", Default: "size", Available: true, Env: true, fallback: "size", set: setVerify,
			later: []string{"readback"}, Doc: "How a stored object is checked: by size and the backend's own hash, or by reading it back."},
		{Name: "drill", Values: "cron line, or `each`", Default: "none", Env: true, set: setDrill,
			Doc: "When the newest backup is restored on trial."},
		{Name: "drill-command", Values: "command", Default: "none", set: setDrillCommand,
			Doc: "Must exit 0 in the drill's sandbox."},
		{Name: "notify", Values: "`failure`, `always`, `never`, `change`", Default: "as the environment says", Env: true, set: setNotify,
			Doc: "What is told."},
		{Name: "ping", Values: "name of a dead-man switch", Default: "none", Env: true, set: setPing,
			Doc: "Called at start, success and failure; a name that `SIMPLEDEPLOY_PING_<NAME>` defines."},
	}
}

func commandKeys() []Key {
	return []Key{
		{Name: "pre", Values: "command", Default: "none", Available: true, set: setPre,
			Doc: "Run with `sh -c` inside the container before the dump. If it fails there is no dump. See [hooks](../hooks.md)."},
		{Name: "post", Values: "command", Default: "none", Available: true, set: setPost,
			Doc: "Run with `sh -c` inside the container after the dump, always once `pre` was tried; `SIMPLEDEPLOY_STATE` is `dumped` or `failed`."},
		{Name: "hook-timeout", Values: "duration", Default: "5m", Available: true, Env: true, fallback: "5m", set: setHookTimeout,
			Doc: "When `pre` or `post` is ended."},
		{Name: "dump-command", Values: "command", Default: "none", Available: true, fit: fitsCommands, set: setDumpCommand,
			Doc: "Run with `sh -c` inside the container; writes the backup to its standard output."},
		{Name: "restore-command", Values: "command", Default: "none", Available: true, fit: fitsCommands, set: setRestoreCommand,
			Doc: "Run with `sh -c` inside the container; reads the backup from its standard input. Without one `restore` refuses the job."},
		{Name: "extension", Values: "such as `.sql` or `.tar`", Default: "`.dump`", Available: true, fit: fitsCommands, set: setExtension,
			Doc: "What the dump-command writes; ends the object's name. `.tar`, `.gz`, `.tgz`, `.zst` and their likes are proven to be whole."},
	}
}

// findKey looks a key up by its name.
func findKey(keys []Key, name string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

func keyNames(keys []Key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

// envName is the variable that sets a key's default.
func envName(key string) string {
	return "SIMPLEDEPLOY_DEFAULT_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}
