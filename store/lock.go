package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock that one process holds on the record at path. The lock is on a file of its own: closing any
// other descriptor of the database in this process would drop SQLite's locks. The kernel gives it back when the process
// ends, however it ends, so that a stale lock cannot be.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the record: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(f, 200)) // only for the message
		err = errors.Join(lockError(path, strings.TrimSpace(string(owner)), err), f.Close())
		return nil, err
	}
	if err := signLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func lockError(path, owner string, err error) error {
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	if owner == "" {
		owner = "unknown"
	}
	return fmt.Errorf("%s: %w (%s): stop that one, or give each its own DATA_DIR", path, ErrInUse, owner)
}

// signLock writes who holds the lock, for the message that the next one prints. A full disk must not stop a start.
func signLock(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "pid %d on %s\n", os.Getpid(), host), 0)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil
	}
	return err
}
