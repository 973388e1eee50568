package strategy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A client that lost its connection and came back would go on without the dump's settings; and text is passed on as
// it is, so that bodies keep their line ends and comments.
const myRestoreScript = `exec "$client" --user="$user" ${host:+--host="$host"} --default-character-set=utf8mb4 --binary-mode --comments --batch \
	--skip-reconnect --no-auto-rehash --max-allowed-packet=1G \
	--init-command="SET SESSION net_read_timeout = 86400, SESSION wait_timeout = 86400"`

// A value takes twice its size in hexadecimal, so one that fitted when it came may not fit on its way back.
const myLargestPacket = 1 << 30

// Restore replaces each database of the dump by what the dump holds of it. It cannot stage: r is one that was read
// and checked in an earlier pass.
func (mysql) Restore(ctx context.Context, c Container, opt Options, r io.Reader) (Report, error) {
	session := mySession{c, opt}
	server, err := session.server(ctx)
	if err != nil {
		return Report{}, err
	}
	report := Report{EngineVersion: server.Version}
	dump, err := newMyReader(r, server)
	if err != nil {
		return report, fmt.Errorf("%w; nothing was changed", err)
	}
	putBack, err := session.raise(ctx, map[string]int64{"max_allowed_packet": myLargestPacket})
	if err != nil {
		return report, fmt.Errorf("%w; nothing was changed", err)
	}
	err = session.run(ctx, myRestoreScript, dump, nil)
	after, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), time.Minute, errors.New("putting a limit of the server back took too long"))
	defer cancel()
	if backErr := putBack(after); backErr != nil {
		report.Warnings = append(report.Warnings, fmt.Sprintf("max_allowed_packet stays at its largest until the server starts again: %v", backErr))
	}
	if err != nil {
		return report, fmt.Errorf("load dump: %w", err)
	}
	if !dump.complete {
		return report, errors.New("load dump: the client ended before the dump did")
	}
	if dump.accounts {
		user, _, _ := cutLast(server.User, "@")
		report.Warnings = append(report.Warnings, fmt.Sprintf("accounts named %q restore and keep their own password and rights", user))
	}
	report.Restored, err = session.count(ctx, dump.proof)
	return report, err
}

// myReader passes a dump on while it is looked at. Its end is clean only when the source's was and the dump is whole.
type myReader struct {
	r        *bufio.Reader
	proof    *myProof
	accounts bool
	complete bool
}

// newMyReader refuses what this server cannot read before anything of it is run.
func newMyReader(r io.Reader, server myServer) (*myReader, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	first, err := in.Peek(4096)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read dump: %w", err)
	}
	line, _, ended := bytes.Cut(first, []byte("\n"))
	head := newMyProof()
	if !ended {
		return nil, errors.New("read dump: it does not begin like a dump of this program")
	}
	if err := head.header(string(line)); err != nil {
		return nil, fmt.Errorf("read dump: %w", err)
	}
	if head.maria != server.Maria {
		return nil, errors.New("read dump: MariaDB and MySQL do not read each other's dumps; restore into the engine that it came from, or look at the file with --stdout")
	}
	return &myReader{r: in, proof: newMyProof()}, nil
}

// Read implements io.Reader.
func (d *myReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	_, _ = d.proof.Write(p[:n])
	if d.proof.err != nil {
		return 0, fmt.Errorf("read dump: %w", d.proof.err)
	}
	d.accounts = d.accounts || d.proof.part == myAccountsPart || d.proof.part == myGrantsPart
	if err == io.EOF {
		if _, err := d.proof.Proof(); err != nil {
			return 0, err
		}
		d.complete = true
		return n, io.EOF
	}
	if err != nil {
		return 0, fmt.Errorf("read dump: %w", err)
	}
	return n, nil
}

// count asks for every table that the restored databases hold now, and for its rows. Tables that only stand for
// others have none of their own, in the dump neither.
func (s mySession) count(ctx context.Context, p *myProof) (*Proof, error) {
	var names []string
	for _, name := range p.wanted {
		names = append(names, quoteMyText(name))
	}
	query := "SELECT HEX(TABLE_SCHEMA), HEX(TABLE_NAME), HEX(COALESCE(ENGINE, '')) FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA IN (" +
		strings.Join(names, ", ") + ");\n"
	out := &Proof{Format: "mysqldump", Detail: map[string]int64{}}
	var tables []string
	var counts strings.Builder
	counts.WriteString("START TRANSACTION WITH CONSISTENT SNAPSHOT;\n")
	err := s.lines(ctx, query, func(f []string) error {
		v, err := unhex(f)
		if err != nil {
			return err
		}
		what := "COUNT(*) FROM " + quoteMyIdent(v[0]) + "." + quoteMyIdent(v[1])
		if v[2] == "MRG_MyISAM" || v[2] == "MRG_MYISAM" || v[2] == "FEDERATED" {
			what = "0"
		}
		fmt.Fprintf(&counts, "SELECT %d, %s;\n", len(tables), what)
		tables = append(tables, v[0]+"."+v[1])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the restored rows: %w", err)
	}
	err = s.lines(ctx, counts.String(), func(f []string) error {
		at, err := strconv.Atoi(f[0])
		if err != nil || at >= len(tables) || len(f) != 2 {
			return fmt.Errorf("read answer of the server: %.80q", f)
		}
		rows, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return fmt.Errorf("read answer of the server: %w", err)
		}
		out.Tables++
		out.Rows += rows
		if len(out.Detail) < maxDetailTables {
			out.Detail[tables[at]] = rows
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the restored rows: %w", err)
	}
	return out, nil
}

func cutLast(text, sep string) (before, after string, ok bool) {
	at := strings.LastIndex(text, sep)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(sep):], true
}
