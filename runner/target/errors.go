package target

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/lib/file"
)

var (
	// ErrNotFound is the answer for a key that is not there.
	ErrNotFound = errors.New("no such object")
	// ErrNoSpace is the answer when less than the configured free space would be left.
	ErrNoSpace = errors.New("not enough free space")
	// ErrSizeNeeded is the answer of a storage that cannot take a stream of unknown length: it can hold copies,
	// but it cannot be the first target.
	ErrSizeNeeded = errors.New("this storage takes no stream of unknown size: name another target first, this one then gets a copy")

	errUnreachable = errors.New("storage not reachable")
	errRefused     = errors.New("refused")
	errCorrupt     = errors.New("what the storage holds differs from what was sent")
)

// ErrClaimed is the answer when the instance's folder belongs to another appliance.
type ErrClaimed struct { //nolint:errname // reads as the answer that it is, beside ErrNotFound
	Target   string
	Instance string
	Owner    string // the other one's store id
}

func (e *ErrClaimed) Error() string {
	return fmt.Sprintf("target %s: the folder %s/ belongs to another appliance (store %s): give this host another SIMPLEDEPLOY_INSTANCE, or take the folder over with `rescan --adopt %s`",
		e.Target, partName(e.Instance), shorten(e.Owner), e.Target)
}

// Error is what every method of a Target returns: it names the target, the operation and, where there is one, the key.
type Error struct {
	Target, Op, Key string
	Err             error
	source          bool // the stream that was to be stored failed, not the target
}

func (e *Error) Error() string {
	what := e.Op
	if e.Key != "" {
		what += " " + shorten(e.Key)
	}
	return fmt.Sprintf("target %s: %s: %v", e.Target, what, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// wrap names the target and the operation, once, and gives rclone's not-found errors our name.
func (t *Target) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, fs.ErrorObjectNotFound), errors.Is(err, fs.ErrorDirNotFound), errors.Is(err, fs.ErrorIsDir),
		errors.Is(err, fs.ErrorNotAFile):
		err = ErrNotFound
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, file.ErrDiskFull):
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	var source *sourceError
	return &Error{Target: t.name, Op: op, Key: key, Err: err, source: errors.As(err, &source)}
}

// IsRetryable says whether the same call may succeed a little later: a network that was cut, a server that is away
// or busy. Wrong credentials, a full disk, a missing object and a stream that failed by itself stay what they are.
func IsRetryable(err error) bool {
	var here *Error
	if err == nil || !errors.As(err, &here) || here.source || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.Is(err, errUnreachable) || errors.Is(err, errCorrupt) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	for _, final := range []error{
		ErrNotFound, ErrNoSpace, ErrSizeNeeded, errRefused, os.ErrPermission, fs.ErrorPermissionDenied,
		syscall.EROFS, syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR,
		fs.ErrorNotFoundInConfigFile,
	} {
		if errors.Is(err, final) {
			return false
		}
	}
	if fserrors.IsFatalError(err) || fserrors.IsNoRetryError(err) {
		return false
	}
	if status, known := httpStatus(err); known {
		return status >= 500 && status != http.StatusInsufficientStorage || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	}
	return !soundsFinal(err)
}

// httpStatus finds the status that the S3 client's errors carry.
func httpStatus(err error) (int, bool) {
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) || response.HTTPStatusCode() == 0 {
		return 0, false
	}
	return response.HTTPStatusCode(), true
}

// soundsFinal knows by their words the refusals that reach us as text only.
func soundsFinal(err error) bool {
	text := strings.ToLower(err.Error())
	for _, phrase := range []string{
		"unable to authenticate", "permission denied", "no supported methods remain", "401 unauthorized", "403 forbidden",
		"507 insufficient storage", "no space left", "quota", "host key", "didn't find backend called",
	} {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}
