package strategy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

const pgRestoreScript = `exec psql --no-psqlrc --no-password --tuples-only --no-align -v ON_ERROR_STOP=1 --file=- --dbname=template1`

// Restore builds every database of the dump beside the one it replaces and swaps all of them, and the roles'
// settings with them, in one transaction. Until then nothing that is in use is touched.
func (p postgres) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (_ Report, err error) {
	stage, err := newStage(opt.Token)
	if err != nil {
		return Report{}, err
	}
	session := newPgSession(c, opt, stage.app())
	server, err := session.server(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{EngineVersion: server.Version}
	swapped := false
	defer func() {
		if err != nil && !swapped {
			err = errors.Join(err, p.undo(ctx, c, opt))
		}
	}()
	dump := newPgRewriter(r, stage.fresh, stage.marker(), server.User)
	loaded := &copyTags{}
	if err := session.run(ctx, pgRestoreScript, dump, loaded); err != nil {
		return report, fmt.Errorf("load dump: %w", err)
	}
	if !dump.complete() {
		return report, errors.New("load dump: psql ended before the dump did")
	}
	if report.Restored, err = loaded.compare(dump); err != nil {
		return report, err
	}
	if err := session.swap(ctx, stage, server, dump); err != nil {
		return report, err
	}
	swapped = true
	if dump.kept {
		report.Warnings = append(report.Warnings, fmt.Sprintf("role %q restores and keeps its own password and rights", server.User))
	}
	if err := session.clean(context.WithoutCancel(ctx), stage); err != nil {
		report.Warnings = append(report.Warnings, fmt.Sprintf("the data is restored, but what it replaced could not be dropped (databases named %s*): %v", stage.old(0)[:len(stage.old(0))-1], err))
	}
	return report, nil
}

func (p postgres) undo(ctx context.Context, c Container, opt Options) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 2*time.Minute, errors.New("cleaning up after the restore took too long"))
	defer cancel()
	return p.Recover(ctx, c, opt)
}

// swapTries bounds how often clients are sent away. The rename holds newcomers off, so only those that came in the
// instant between can spoil a try.
const swapTries = 10

func (s pgSession) swap(ctx context.Context, stage pgStage, server pgServer, dump *pgRewriter) error {
	script := swapScript(stage, server, dump)
	for try := 1; ; try++ {
		err := s.sql(ctx, script, io.Discard)
		if err == nil {
			return nil
		}
		if done, lookErr := s.swapped(ctx, stage); lookErr == nil && done {
			return nil // the commit was done, only its confirmation was lost
		}
		if try == swapTries || ctx.Err() != nil || !strings.Contains(err.Error(), "is being accessed by other users") {
			return fmt.Errorf("swap databases: %w", err)
		}
	}
}

func (s pgSession) swapped(ctx context.Context, stage pgStage) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	server, err := s.server(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(server.Databases, func(db pgDatabase) bool {
		return strings.HasPrefix(db.Name, stage.fresh(0)[:len(stage.fresh(0))-1])
	}), nil
}

// swapScript is one transaction: a rename takes a lock that keeps new clients waiting, so those that were sent away
// just before cannot come back in between.
func swapScript(stage pgStage, server pgServer, dump *pgRewriter) string {
	var b strings.Builder
	b.WriteString("BEGIN;\n")
	for n, name := range dump.order {
		if slices.ContainsFunc(server.Databases, func(db pgDatabase) bool { return db.Name == name }) {
			b.WriteString(refuseReplicated(name))
			b.WriteString(sendAway(name))
			fmt.Fprintf(&b, "ALTER DATABASE %s RENAME TO %s;\n", quoteIdent(name), quoteIdent(stage.old(n)))
		}
		b.WriteString(sendAway(stage.fresh(n)))
		fmt.Fprintf(&b, "ALTER DATABASE %s RENAME TO %s;\n", quoteIdent(stage.fresh(n)), quoteIdent(name))
	}
	b.WriteString(unmarkRoles(stage))
	b.Write(dump.roles.Bytes())
	b.WriteString("COMMIT;\n")
	return b.String()
}

func sendAway(database string) string {
	return "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = " +
		quoteText(database) + " AND pid <> pg_catalog.pg_backend_pid();\n"
}

// refuseReplicated stops before the swap what would keep the old database from being dropped after it.
func refuseReplicated(database string) string {
	return "DO " + dollar("BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE database = "+quoteText(database)+
		") OR EXISTS (SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = "+quoteText(database)+
		") THEN RAISE EXCEPTION 'database % takes part in logical replication: drop its replication slots and subscriptions first', "+quoteText(database)+
		"; END IF; END") + ";\n"
}

// dollar quotes a body with a tag that does not occur in it.
func dollar(body string) string {
	tag := "$do$"
	for n := 0; strings.Contains(body, tag); n++ {
		tag = fmt.Sprintf("$do%d$", n)
	}
	return tag + " " + body + " " + tag
}

// copyTags reads the row counts that the server confirmed, one per COPY.
type copyTags struct {
	line   []byte
	counts []int64
}

// Write implements io.Writer. Other output of psql is passed over.
func (t *copyTags) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if len(t.line) < 64 {
			t.line = append(t.line, line[:min(len(line), 64)]...)
		}
		rest = after
		if !ended {
			break
		}
		if digits, ok := strings.CutPrefix(string(t.line), "COPY "); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				t.counts = append(t.counts, n)
			}
		}
		t.line = t.line[:0]
	}
	return len(p), nil
}

// compare says what the server holds now, and refuses when that is not what the dump held.
func (t *copyTags) compare(dump *pgRewriter) (*Proof, error) {
	if len(t.counts) != len(dump.tables) {
		return nil, fmt.Errorf("count rows: postgres loaded %d tables, the dump holds %d", len(t.counts), len(dump.tables))
	}
	proof := &Proof{Format: "pg_dump", Tables: int64(len(t.counts)), Detail: map[string]int64{}}
	for i, table := range dump.tables {
		if t.counts[i] != table.rows {
			return nil, fmt.Errorf("count rows of %s: postgres loaded %d, the dump holds %d", table.name, t.counts[i], table.rows)
		}
		proof.Rows += table.rows
		if len(proof.Detail) < maxDetailTables {
			proof.Detail[table.name] = table.rows
		}
	}
	return proof, nil
}
