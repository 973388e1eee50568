package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options of Open.
type Options struct {
	Instance string           // name of this host; used at the first start, afterwards the kept one counts
	Now      func() time.Time // time.Now when nil
}

// Store is the record. It is safe for use by several goroutines.
type Store struct {
	path     string
	id       string
	instance string
	schema   int
	now      func() time.Time
	write    *sql.DB // one connection: writers wait for each other here, not in SQLite
	read     *sql.DB
	lock     *os.File
	events   sequence

	mu        sync.Mutex
	lastError string
	closed    bool
}

// Open opens the record at path, or makes it, and brings its schema up to date. It refuses a file that another process
// has open, that is too new, that is not a record of this program, or that lies on a network file system.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	return open(ctx, path, opt, migrations())
}

func open(ctx context.Context, path string, opt Options, schema fs.FS) (_ *Store, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	s := &Store{path: abs, now: opt.Now}
	if s.now == nil {
		s.now = time.Now
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store: %w", errors.Join(err, s.release()))
		}
	}()
	if err := s.prepareFile(); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, explain(abs, err)
	}
	if s.schema, err = migrate(ctx, s.write, abs, schema); err != nil {
		return nil, explain(abs, err)
	}
	if err := s.loadInstance(ctx, opt.Instance); err != nil {
		return nil, explain(abs, err)
	}
	return s, nil
}

// prepareFile makes folder and file for the owner only and takes the lock. The file is made here because SQLite would
// make it by the process's umask; its -wal and -shm take the file's permissions.
func (s *Store) prepareFile() error {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the record: %w", err)
	}
	if err := refuseNetworkFileSystem(s.path); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockFile(s.path); err != nil {
		return err
	}
	for _, name := range []string{s.path, s.path + "-wal", s.path + "-shm"} {
		if err := makePrivate(name, name == s.path); err != nil {
			return err
		}
	}
	return nil
}

func makePrivate(name string, create bool) error {
	if create {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("make the record writable for its owner: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("make the record: %w", err)
		}
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the record: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return fmt.Errorf("close the record to others: %w", err)
	}
	return nil
}

func (s *Store) connect(ctx context.Context) error {
	var err error
	if s.write, err = sql.Open("sqlite", writerDSN(s.path)); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", readerDSN(s.path)); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	return nil
}

// writerDSN carries the pragmas, because by Exec they would reach one pooled connection only. Transactions are immediate:
// one that reads first and begins to write later fails at once when another one wrote meanwhile. FULL, because the
// journal must survive a power cut. Temporary tables stay in memory: the image has no /tmp.
func writerDSN(path string) string {
	return dsn(path, "_txlock=immediate", "_pragma=busy_timeout(10000)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)", "_pragma=temp_store(2)", "_pragma=journal_size_limit(67108864)")
}

func readerDSN(path string) string {
	return dsn(path, "mode=ro", "_pragma=busy_timeout(10000)", "_pragma=foreign_keys(1)",
		"_pragma=temp_store(2)")
}

func dsn(path string, params ...string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(params, "&")
}

// ID is the random id of this record; a target's folder is claimed by it.
func (s *Store) ID() string { return s.id }

// Instance is the name of this host in keys, kept from the first start.
func (s *Store) Instance() string { return s.instance }

// SchemaVersion is the schema of the file. It is newer than the program's own after a roll-back.
func (s *Store) SchemaVersion() int { return s.schema }

// Path is the file's absolute path.
func (s *Store) Path() string { return s.path }
