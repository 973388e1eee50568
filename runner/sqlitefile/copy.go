package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

const (
	// patience is how long a lock is waited for: longer than any honest transaction, shorter than anyone's.
	patience = 30 * time.Second
	// spare is what stays free beside the copies.
	spare = 64 << 20
	// stepPages are copied between two looks at the context.
	stepPages = 2048
)

// copyOf puts a copy of the database into a new file as one transaction sees it. It is opened as its owner, or as root
// where the owner has no right to open it; SQLite then gives to the owner what it makes beside it.
func copyOf(ctx context.Context, src Source, to string) (File, error) {
	var st unix.Stat_t
	if err := unix.Lstat(src.Here, &st); err != nil {
		return File{}, fmt.Errorf("is not there any more: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return File{}, fmt.Errorf("is not a regular file any more: %w", unix.ENOENT)
	}
	f := File{Path: src.Path, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Sec: st.Mtim.Sec, Nsec: st.Mtim.Nsec}
	attempt := func() (err error) {
		f.Bytes, err = copyPages(ctx, src.Here, to)
		return err
	}
	err := as(st.Uid, st.Gid, attempt)
	if slices.Contains([]int{codePerm, codeReadOnly, codeCantOpen, codeAuth}, codeOf(err)) && os.Geteuid() == 0 && st.Uid != 0 {
		if err = remove(to); err == nil {
			err = attempt()
		}
	}
	if err != nil {
		return File{}, explain("copied", err)
	}
	return f, nil
}

func copyPages(ctx context.Context, from, to string) (size int64, err error) {
	made, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("make the copy's file: %w", err)
	}
	if err := made.Close(); err != nil {
		return 0, fmt.Errorf("make the copy's file: %w", err)
	}
	// The wait for locks comes first: each of the settings may already need one.
	wait := "_pragma=busy_timeout(" + strconv.FormatInt(patience.Milliseconds(), 10) + ")"
	conn, end, err := connect(ctx, uri(from, slices.Concat([]string{"mode=rw", wait}, common)...))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return 0, err
	}
	// Only the first read takes the lock, and with it the moment that is copied.
	var tables, pages, pageSize int64
	for _, q := range []struct {
		text string
		to   *int64
	}{{"SELECT count(*) FROM sqlite_schema", &tables}, {"PRAGMA page_count", &pages}, {"PRAGMA page_size", &pageSize}} {
		if err := conn.QueryRowContext(ctx, q.text).Scan(q.to); err != nil {
			return 0, err
		}
	}
	size = pages * pageSize
	if err := checkRoom(to, size); err != nil {
		return 0, err
	}
	if err := backUp(ctx, conn, to); err != nil {
		return 0, err
	}
	// The copy is whole; a lock that cannot be given back now goes with the connection.
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	return size, checkSize(to, size)
}

// backUp copies within the transaction that the connection has begun: writers cannot move it, so it never starts over.
func backUp(ctx context.Context, conn *sql.Conn, to string) error {
	return conn.Raw(func(driver any) error {
		source, ok := driver.(interface {
			NewBackup(uri string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the SQLite library has no online backup")
		}
		b, err := source.NewBackup(uri(to, "mode=rw", "_pragma=journal_mode(OFF)", "_pragma=synchronous(OFF)"))
		if err != nil {
			return fmt.Errorf("begin the copy: %w", err)
		}
		for more := true; more && err == nil; {
			if err = context.Cause(ctx); err == nil {
				more, err = b.Step(stepPages)
			}
		}
		return errors.Join(err, b.Finish())
	})
}

func checkRoom(beside string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(beside, &st); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < need+spare {
		return fmt.Errorf("%w: a copy of %d bytes is made in the appliance's data folder, where %d are free and %d stay so: make room there",
			unix.ENOSPC, need, free, spare)
	}
	return nil
}

func checkSize(path string, want int64) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the copy: %w", err)
	}
	if st.Size() != want {
		return fmt.Errorf("its copy has %d bytes, its pages %d", st.Size(), want)
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the copy: %w", err)
	}
	return nil
}
