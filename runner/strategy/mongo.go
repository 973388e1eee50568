package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// mongo dumps MongoDB with the container's own tools, so that tools and server fit each other. It cannot stage a
// restore: a database cannot be renamed, so each collection is replaced in place.
type mongo struct{}

func mongoEntry() Entry {
	return Entry{
		Name:      "mongo",
		Aliases:   []string{"mongodb"},
		Extension: ".archive",
		Images: []string{
			"mongo", "mongodb", "mongodb-community-server", "mongodb-enterprise-server", "mongodb-atlas-local",
			"percona-server-mongodb", "mongodb-sharded", "mongodb-[0-9]*",
		},
		Available: true,
		Strategy:  mongo{},
		Prover:    newMongoProver,
		Recipe:    mongoRecipe,
	}
}

// mongoDumpScript writes an archive to stdout. A path would be a path in the container.
const mongoDumpScript = `tool mongodump --archive "$@"`

// Dump writes one archive: all databases and accounts, or those that are named.
func (mongo) Dump(ctx context.Context, c Container, opt Options, w io.Writer) (Report, error) {
	session := mongoSession{c, opt}
	names := slices.Compact(slices.Sorted(slices.Values(opt.Databases)))
	if slices.Contains(names, "local") || slices.Contains(names, "config") {
		return Report{}, errors.New("the databases local and config are the server's own: remove them from the label databases")
	}
	if len(names) > 1 {
		return session.dumpSeveral(ctx, names, w)
	}
	if len(names) == 1 {
		return session.dumpOne(ctx, names[0], w)
	}
	return session.dumpAll(ctx, w)
}

// dumpAll dumps everything, and in a replica set also what is written meanwhile.
func (s mongoSession) dumpAll(ctx context.Context, w io.Writer) (Report, error) {
	var report Report
	var args []string
	node, user, err := s.node(ctx)
	switch {
	case err != nil:
		return report, err
	case node == "replset":
		args = append(args, "--oplog")
	case node == "mongos":
		report.Warnings = append(report.Warnings, mongoNotOneMoment("the server is a router of a sharded cluster"))
	default:
		report.Warnings = append(report.Warnings, mongoNotOneMoment("the server is not of a replica set (one of a single member would do), so it has no oplog"))
	}
	list := newMongoListing()
	err = s.run(ctx, mongoDumpScript, nil, io.MultiWriter(w, list), nil, args...)
	report.EngineVersion = list.version
	switch {
	case err != nil:
		return report, fmt.Errorf("dump data: %w", err)
	case user != "" && len(list.spaces) == 0:
		return report, fmt.Errorf("dump data: %s can see no database; set the label user to an account with the role backup", user)
	case user != "" && !list.has("admin"):
		report.Warnings = append(report.Warnings, user+" cannot see the database admin: users and their roles are not in the backup")
	}
	return report, nil
}

func (s mongoSession) dumpOne(ctx context.Context, name string, w io.Writer) (Report, error) {
	report := Report{Warnings: []string{mongoNotOneMoment(mongoNamed)}}
	list := newMongoListing()
	err := s.run(ctx, mongoDumpScript, nil, io.MultiWriter(w, list), nil, mongoDatabaseArgs(name)...)
	report.EngineVersion = list.version
	if err != nil {
		return report, fmt.Errorf("dump data: %w", err)
	}
	if !list.has(name) { // the tool takes a name that is nowhere for an empty database
		return report, mongoNoDatabase(name)
	}
	return report, nil
}

const mongoNamed = "databases that are named are dumped without the oplog"

func mongoNotOneMoment(why string) string {
	return why + ": each collection is as it was while it was read, not at one moment with the others"
}

func mongoNoDatabase(name string) error {
	return fmt.Errorf("dump database %q: there is no such database, it is empty, or the account cannot see it; check the labels `databases` and `user`", name)
}

// Version is the server's, as it says itself.
func (mongo) Version(ctx context.Context, c Container, opt Options) (string, error) {
	list, err := mongoSession{c, opt}.list(ctx, strings.Join(opt.Databases[:min(1, len(opt.Databases))], ""))
	return list.version, err
}

// Find asks the server which of the named databases have a collection.
func (mongo) Find(ctx context.Context, c Container, opt Options) ([]string, error) {
	var found []string
	for _, name := range opt.Databases {
		list, err := mongoSession{c, opt}.list(ctx, name)
		if err != nil {
			return nil, err
		}
		if list.has(name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// mongoRecipe restores the raw form by hand.
func mongoRecipe(opt Options) string {
	script := `u=${MONGO_INITDB_ROOT_USERNAME:-${MONGODB_ROOT_USER:-root}}
p=${MONGO_INITDB_ROOT_PASSWORD:-${MONGODB_ROOT_PASSWORD:-}}
f=${MONGO_INITDB_ROOT_PASSWORD_FILE:-${MONGODB_ROOT_PASSWORD_FILE:-}}
if [ -z "$p" ] && [ -n "$f" ]; then p=$(cat "$f"); fi`
	if opt.User != "" {
		script += "\nu=" + quoteShell(opt.User)
	}
	if opt.PasswordEnv != "" {
		script += "\np=${" + opt.PasswordEnv + ":-}"
	}
	if opt.PasswordFile != "" {
		script += "\np=$(cat " + quoteShell(opt.PasswordFile) + ")"
	}
	script += `
if [ -z "$p" ]; then exec mongorestore --archive --drop --bypassDocumentValidation "$@"; fi
{ printf "%s\n" "$p"; cat; } | mongorestore --username="$u" --authenticationDatabase=admin --archive --drop --bypassDocumentValidation "$@"`
	return `docker exec -i "$CONTAINER" sh -c ` + quoteShell(script) + ` sh`
}
