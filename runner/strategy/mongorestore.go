package strategy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Documents may be older than the rules that their collection has now, and came past them then.
const mongoRestoreScript = `tool mongorestore --archive --drop --bypassDocumentValidation "$@"`

// mongoRemoveScript removes collections, database and name in turn: mongoimport drops one before it imports, and has
// nothing to import here. Images need not have a shell for MongoDB.
const mongoRemoveScript = `command -v mongoimport >/dev/null 2>&1 || { echo missing; exit 0; }
while [ $# -gt 1 ]; do
	tool mongoimport --db="$1" --collection="$2" --drop </dev/null || exit
	shift 2
done
`

// Restore replaces each collection of the dump by what the dump holds of it, and removes the other ones of its
// databases, or of the whole server when the dump is of all. It cannot stage: r is one that was read and checked in an
// earlier pass.
func (mongo) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	restore := mongoRestore{session: mongoSession{c, opt}, dump: newMongoReader(r), names: opt.Databases, stays: map[string]bool{}}
	if err := restore.dump.open(opt.Databases); err != nil {
		return restore.report, fmt.Errorf("read dump: %w; nothing was changed", err)
	}
	later, err := restore.later(ctx)
	if err != nil {
		return restore.report, fmt.Errorf("%w; nothing was changed", err)
	}
	if err := restore.keep(ctx); err != nil {
		return restore.report, fmt.Errorf("%w; nothing was changed", err)
	}
	if err := restore.remove(ctx, later); err != nil {
		return restore.report, err
	}
	if err := restore.load(ctx); err != nil {
		return restore.report, err
	}
	restore.count(ctx)
	return restore.report, nil
}

// mongoRestore is one restore.
type mongoRestore struct {
	session mongoSession
	dump    *mongoReader
	names   []string // databases; nil: all
	report  Report
	stays   map[string]bool // collections that came after the backup and could not be removed
	own     []byte          // the account that restores, as it is now; nil: nothing is to be kept
	said    mongoLoadLog
}

// scope is the databases to ask for, one after the other; an empty name stands for all.
func (r *mongoRestore) scope() []string {
	if r.names == nil {
		return []string{""}
	}
	return r.names
}

// later finds what is there and not in the dump. What is written to the oplog while a dump is made is played back, so
// a collection that came meanwhile must not be there already. The server's own databases are left alone.
func (r *mongoRestore) later(ctx context.Context) ([]string, error) {
	var pairs []string
	for _, name := range r.scope() {
		list, err := r.session.list(ctx, name)
		if err != nil {
			return nil, err
		}
		r.report.EngineVersion = list.version
		for _, n := range list.spaces {
			switch {
			case r.dump.proof.spaces[n.String()] != nil, n.db == "", n.db == "admin", n.db == "local", n.db == "config":
			case strings.HasPrefix(n.name, "system."):
				r.stays[n.String()] = true // mongoimport does not touch it
			default:
				pairs = append(pairs, n.db, n.name)
			}
		}
	}
	return pairs, nil
}

// remove drops collections, a hundred with each command.
func (r *mongoRestore) remove(ctx context.Context, pairs []string) error {
	for len(pairs) > 0 {
		some := pairs[:min(200, len(pairs))]
		pairs = pairs[len(some):]
		out := &limitedBuffer{most: 1 << 10}
		if err := r.session.run(ctx, mongoRemoveScript, nil, out, nil, some...); err != nil {
			return fmt.Errorf("remove collections that came after the backup: %w", err)
		}
		if !strings.Contains(out.String(), "missing") {
			continue
		}
		for i := 0; i < len(some); i += 2 {
			r.stays[some[i]+"."+some[i+1]] = true
		}
	}
	if len(r.stays) > 0 {
		var names []string
		for name := range r.stays {
			names = append(names, name)
		}
		r.report.Warnings = append(r.report.Warnings, "collections that came after the backup are still there (mongoimport removes them, where it is in the image): "+someOf(names))
	}
	return nil
}

// someOf names the first twenty.
func someOf(names []string) string {
	slices.Sort(names)
	if n := len(names); n > 20 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:20], ", "), n-20)
	}
	return strings.Join(names, ", ")
}

func (r *mongoRestore) load(ctx context.Context) error {
	var in io.Reader = r.dump
	var args []string
	switch {
	case r.has(mongoOplog):
		args = append(args, "--oplogReplay") // allows no exceptions
	case (r.has(mongoUsers) || r.has(mongoRoles)) && !r.has(mongoUsersVersion):
		args = append(args, "--nsExclude="+mongoUsers, "--nsExclude="+mongoRoles)
		r.report.Warnings = append(r.report.Warnings, "users and roles stay as they are: the backup does not say of which form its own are, as MongoDB's own server would")
	}
	if r.own != nil {
		in = newMongoKeeper(r.dump, r.own)
	}
	if err := r.session.run(ctx, mongoRestoreScript, in, nil, &r.said, args...); err != nil {
		return fmt.Errorf("load dump: %w", err)
	}
	switch {
	case !r.dump.complete:
		return errors.New("load dump: mongorestore ended before the dump did")
	case r.said.refusal() != "":
		return fmt.Errorf("load dump: the server did not take %d documents: %s", r.said.failures, r.said.refusal())
	case r.said.failures > 0:
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%d documents are twice in the backup, as they were written while it was made; one of each was restored", r.said.failures))
	}
	return nil
}

func (r *mongoRestore) has(name string) bool { return r.dump.proof.spaces[name] != nil }

// keep finds the account that restores, which is to stay as it is.
func (r *mongoRestore) keep(ctx context.Context) error {
	if !r.has(mongoUsers) || !r.has(mongoUsersVersion) {
		return nil
	}
	_, user, err := r.session.node(ctx)
	if err != nil {
		return err
	}
	said := "users and roles are those of the backup now"
	if user != "" {
		r.own, err = r.session.own(ctx, user)
		switch {
		case err != nil:
			said += fmt.Sprintf(", and so is the password of %s: %v", user, err)
		case r.own != nil:
			said += fmt.Sprintf(", but %s keeps its own password and rights", user)
		}
	}
	r.report.Warnings = append(r.report.Warnings, said)
	return nil
}

// count reads everything back as a dump is read. The new state is in place: what goes wrong here must not make it look
// as if nothing had happened.
func (r *mongoRestore) count(ctx context.Context) {
	if oplog := r.dump.proof.spaces[mongoOplog]; oplog != nil && oplog.docs > 1 {
		r.report.Warnings = append(r.report.Warnings, "what was written while the backup was made has been played back, so documents cannot be counted against it")
		return
	}
	counted := newMongoProof()
	for _, name := range r.scope() {
		one := newMongoProof()
		err := r.session.run(ctx, mongoDumpScript, nil, one, nil, mongoDatabaseArgs(name)...)
		if err == nil {
			_, err = one.Proof()
		}
		if err != nil {
			r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("the restored documents could not be counted: %v", err))
			return
		}
		counted.order = append(counted.order, one.order...)
	}
	counted.order = slices.DeleteFunc(counted.order, func(space *mongoSpace) bool {
		was := r.dump.proof.spaces[space.String()]
		return r.stays[space.String()] || was == nil && space.db == "admin"
	})
	var expired int64
	for _, space := range counted.order {
		was := r.dump.proof.spaces[space.String()]
		if was == nil {
			continue
		}
		space.docs += r.said.twice[space.String()]
		if was.expires && space.docs < was.docs {
			expired += was.docs - space.docs
			space.docs = was.docs
		}
	}
	if expired > 0 {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("%d documents of the backup have expired since it was made", expired))
	}
	total := counted.count()
	r.report.Restored = &total
}
