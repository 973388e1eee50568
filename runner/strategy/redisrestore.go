package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The client counts the server's errors and fails when there is one. It waits for the last answer as long as it takes.
const redisPipeScript = `code=$({ { call --pipe --pipe-timeout 0 2>&1; echo $? >&3; } |
	grep -v '^All data transferred\|^Last reply received\|^errors: [0-9]' | tail -n 5 >&2; } 3>&1)
exit ${code:-70}
`

// redisCleanScript empties databases that hold the marker of a restore that was not finished, and names them.
const redisCleanScript = `for db in $(info keyspace | sed -n 's/^db\([0-9]*\):.*/\1/p'); do
	if [ "$(call -n "$db" EXISTS "$1" </dev/null)" = 1 ]; then
		said=$(call -n "$db" FLUSHDB </dev/null)
		[ "$said" = OK ] || say "FLUSHDB of database $db: $said"
		echo "emptied $db"
	fi
	if [ "$(call -n "$db" EXISTS "$1:direct" </dev/null)" = 1 ]; then echo direct; fi
done
`

const redisMarker = "simpledeploy-backup:restore:"

// Restore fills databases that are empty with the keys of the dump, and then, in one transaction, empties the others
// and swaps them in: a restore that fails leaves the old state as it was. Where that cannot be (a cluster's node knows
// one database only, memory would not hold both states) the old state goes first.
func (redis) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	session := redisSession{c, opt}
	server, err := session.server(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{EngineVersion: server.version}
	dump := newRedisReader(r)
	if err := session.refuse(ctx, server, dump); err != nil {
		return report, err
	}
	restore := redisRestore{session: session, server: server, dump: dump, marker: redisMarker + opt.Token, to: map[uint64]uint64{}}
	why := server.cannotStage(opt.Size)
	if why == "" {
		err = restore.staged(ctx)
	} else {
		report.Warnings = append(report.Warnings, "the old state was removed first: "+why)
		err = restore.direct(ctx)
	}
	if err != nil {
		return report, err
	}
	// The new state is in place: a context that ends now must not make it look as if nothing had happened.
	after, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Minute, errors.New("counting the restored keys took too long"))
	defer cancel()
	if counted, err := restore.count(after, &report); err != nil {
		report.Warnings = append(report.Warnings, fmt.Sprintf("the restored keys could not be counted: %v", err))
	} else {
		report.Restored = &counted
	}
	if server.fields["aof_enabled"] != "1" && server.fields["save"] != "" {
		if err := session.run(ctx, "save", nil, nil); err != nil {
			report.Warnings = append(report.Warnings, fmt.Sprintf("the restored state is in memory, but the server did not save it to its disk yet: %v", err))
		}
	}
	return report, nil
}

// Recover removes what a restore that ended in the middle had put beside the old state.
func (redis) Recover(ctx context.Context, c Container, opt Options) error {
	found, err := redisSession{c, opt}.clean(ctx, redisMarker+opt.Token)
	if err == nil && strings.Contains(found, "direct") {
		return ErrOldStateGone
	}
	return err
}

// clean names the databases that it had to empty.
func (s redisSession) clean(ctx context.Context, marker string) (string, error) {
	out := &limitedBuffer{most: 1 << 20}
	if err := s.run(ctx, redisCleanScript, nil, out, marker); err != nil {
		return "", fmt.Errorf("remove what was put beside the old state: %w", err)
	}
	return out.String(), nil
}

func (s redisSession) pipe(ctx context.Context, r io.Reader) error {
	return s.run(ctx, redisPipeScript, r, nil)
}

// refuse finds out what would end the restore in the middle before anything is changed: a key that is gone after a
// millisecond shows whether the server takes values of the dump's version from us.
func (s redisSession) refuse(ctx context.Context, server redisServer, dump *redisReader) error {
	if server.role == "slave" {
		return errors.New("the server is a replica, which takes no data but its master's: restore into the master")
	}
	version, err := dump.version()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	value := redisPayload([]byte{0, 1, 'x'}, version)
	redisCommand(&out, "RESTORE", redisMarker+"probe", "1", string(value), "REPLACE")
	err = s.pipe(ctx, &out)
	if err != nil && server.fields["cluster_enabled"] == "1" && strings.Contains(err.Error(), "MOVED") {
		return fmt.Errorf("the server shares its keys with other nodes of a cluster: restore into a server that stands alone, and move the keys with redis-cli --cluster import: %w", err)
	}
	if err != nil {
		return fmt.Errorf("the server (%s) does not take values of this dump, which is of RDB version %d (is it older than the one that wrote it?): %w", server.version, version, err)
	}
	return nil
}

// cannotStage says why both states cannot stand side by side; empty: they can.
func (s redisServer) cannotStage(size int64) string {
	need := max(4*size, s.number("used_memory"))
	switch {
	case len(s.keys) == 0:
		return "" // an empty server has room for all
	case s.fields["cluster_enabled"] == "1":
		return "a node of a cluster has one database only"
	case s.room >= 0 && s.room < need:
		return fmt.Sprintf("the server has memory for %d MiB more, and both states side by side may need %d MiB", s.room>>20, need>>20)
	}
	return ""
}

// redisRestore is one restore.
type redisRestore struct {
	session redisSession
	server  redisServer
	dump    *redisReader
	marker  string
	to      map[uint64]uint64 // database of the dump → database that is filled
	code    [][]byte          // libraries of functions, for the commit
}

// direct empties the server and fills it.
func (r *redisRestore) direct(ctx context.Context) error {
	r.dump.place = func(n uint64) (uint64, bool, error) { return n, false, r.inRange(n) }
	r.dump.library = func(code []byte) error {
		redisCommand(&r.dump.out, "FUNCTION", "LOAD", "REPLACE", string(code))
		return nil
	}
	out, marker := &r.dump.out, r.marker+":direct"
	redisCommand(out, "MULTI")
	redisCommand(out, "FLUSHALL")
	redisCommand(out, "SET", marker, "")
	if r.server.libraries >= 0 {
		redisCommand(out, "FUNCTION", "FLUSH")
	}
	redisCommand(out, "EXEC")
	r.dump.closing = func() {
		redisCommand(out, "SELECT", "0")
		redisCommand(out, "DEL", marker)
	}
	if err := r.session.pipe(ctx, r.dump); err != nil {
		return fmt.Errorf("load dump: %w; %w", err, ErrOldStateGone)
	}
	return nil
}

// staged fills empty databases and swaps them in at the end.
func (r *redisRestore) staged(ctx context.Context) error {
	if len(r.server.keys) == 0 && r.server.fields["cluster_enabled"] == "1" {
		return r.direct(ctx)
	}
	r.dump.marker, r.dump.place = r.marker, r.stage
	r.dump.library = func(code []byte) error { r.code = append(r.code, bytes.Clone(code)); return nil }
	err := r.session.pipe(ctx, r.dump)
	committing := err == nil && ctx.Err() == nil
	if err == nil {
		err = r.commit(ctx)
	}
	if err == nil {
		return nil
	}
	after, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Minute, errors.New("cleaning up took too long"))
	defer cancel()
	emptied, cleanErr := r.session.clean(after, r.marker)
	switch {
	case cleanErr != nil:
		return fmt.Errorf("load dump: %w; beside the old state may be databases that hold the key %s: they are to be emptied", errors.Join(err, cleanErr), r.marker)
	case committing && len(r.to) > 0 && emptied == "":
		return nil // only the answer was lost: the transaction took the markers away
	}
	return fmt.Errorf("load dump: %w", err)
}

func (r *redisRestore) inRange(n uint64) error {
	if n >= r.server.databases {
		return fmt.Errorf("it holds database %d, and the server has %d: raise `databases` in its configuration", n, r.server.databases)
	}
	return nil
}

// stage finds an empty database to fill, from the last one down: the first ones are those that people use.
func (r *redisRestore) stage(n uint64) (uint64, bool, error) {
	if target, known := r.to[n]; known {
		return target, false, nil
	}
	if err := r.inRange(n); err != nil {
		return 0, false, err
	}
	taken := slices.Collect(maps.Values(r.to))
	for target := r.server.databases; target > 0; target-- {
		if at := target - 1; r.server.keys[at] == 0 && !slices.Contains(taken, at) {
			r.to[n] = at
			return at, true, nil
		}
	}
	return 0, false, errors.New("the server has too few empty databases to hold the old state and the new one: raise `databases` in its configuration, or empty it first (FLUSHALL)")
}

// commit makes the new state the only one, at one moment.
func (r *redisRestore) commit(ctx context.Context) error {
	now, err := r.session.server(ctx)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	redisCommand(&out, "MULTI")
	filled := slices.Sorted(maps.Values(r.to))
	for _, n := range slices.Sorted(maps.Keys(now.keys)) {
		if !slices.Contains(filled, n) {
			redisCommand(&out, "SELECT", strconv.FormatUint(n, 10))
			redisCommand(&out, "FLUSHDB")
		}
	}
	for _, swap := range redisSwaps(r.to) {
		redisCommand(&out, "SWAPDB", strconv.FormatUint(swap[0], 10), strconv.FormatUint(swap[1], 10))
	}
	for _, n := range slices.Sorted(maps.Keys(r.to)) {
		redisCommand(&out, "SELECT", strconv.FormatUint(n, 10))
		redisCommand(&out, "DEL", r.marker)
	}
	if r.server.libraries >= 0 {
		redisCommand(&out, "FUNCTION", "FLUSH")
	}
	for _, code := range r.code {
		redisCommand(&out, "FUNCTION", "LOAD", "REPLACE", string(code))
	}
	redisCommand(&out, "EXEC")
	return r.session.pipe(ctx, &out)
}

// redisSwaps are the swaps after which each database of the dump is in its place.
func redisSwaps(to map[uint64]uint64) (swaps [][2]uint64) {
	now := maps.Clone(to)
	for _, n := range slices.Sorted(maps.Keys(to)) {
		from := now[n]
		if from == n {
			continue
		}
		swaps = append(swaps, [2]uint64{from, n})
		for other, place := range now {
			if place == n && other != n {
				now[other] = from
			}
		}
		now[n] = n
	}
	return swaps
}

// count asks the server what it holds now. Keys whose time came meanwhile are gone, or are about to go: they count as
// restored, and the report says how many.
func (r *redisRestore) count(ctx context.Context, report *Report) (Proof, error) {
	now, err := r.session.server(ctx)
	if err != nil {
		return Proof{}, fmt.Errorf("count the restored keys: %w", err)
	}
	keys, gone := map[string]int64{}, int64(0)
	for n, have := range now.keys {
		keys[redisDatabase(n)] = have
	}
	for name, want := range r.dump.keys {
		if have := keys[name]; have <= want && have >= want-r.dump.expired(name, time.Now().Add(time.Second)) {
			gone += want - have
			keys[name] = want
		}
	}
	if gone > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%d keys of the backup have expired since it was made", gone))
	}
	return redisCount(keys, max(now.libraries, 0)), nil
}
