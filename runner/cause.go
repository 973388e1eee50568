package runner

import (
	"context"
	"errors"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
)

// The causes that a record names.
const (
	causeDump      = "dump"      // the source's command failed
	causeProof     = "proof"     // the dump said success but its stream is not whole
	causeTarget    = "target"    // no target took the object
	causeSpace     = "space"     // too little room
	causeContainer = "container" // the container is gone, stopped, or went away in the middle
	causeTimeout   = "timeout"   // the job's own timeout
	causeShutdown  = "shutdown"  // the appliance ended
	causeKilled    = "killed"    // the appliance died
	causeBusy      = "busy"      // the job was still at work
	causePaused    = "paused"    // schedules were paused
	causeAbsent    = "absent"    // no container declares the job
	causeStrategy  = "strategy"  // the strategy does not fit
	causeRecord    = "record"    // the record could not be written: nothing is a backup that it does not know
	causeRefused   = "refused"   // of a group: a declared member is kept out by a problem with its labels
	causeHook      = "hook"      // the hook pre said no
	causeHold      = "hold"      // the container could not be stopped or brought back
)

// failure is an error with the cause that the record names and whether another try is worth it.
type failure struct {
	cause  string
	retry  bool
	target string // the one that failed, with causeTarget
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(cause string, retry bool, err error) error {
	if err == nil {
		return nil
	}
	return &failure{cause: cause, retry: retry, err: err}
}

// failedOn is a target's failure: another named target may take the stream.
func failedOn(name string, err error) error {
	cause := causeTarget
	if errors.Is(err, target.ErrNoSpace) {
		cause = causeSpace
	}
	return &failure{cause: cause, retry: target.IsRetryable(err), target: name, err: err}
}

// failedTarget names the target that err is about; empty when it is about something else.
func failedTarget(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.target
	}
	return ""
}

// timeoutError is the cause of a context that a job's own timeout ended.
type timeoutError struct{ sentence string }

func (e *timeoutError) Error() string { return e.sentence }

// causeOf names the cause of a failed run. A context that ended explains everything that broke because of it.
func causeOf(ctx context.Context, err error) (cause string, told error) {
	if end := context.Cause(ctx); end != nil {
		if _, ok := errors.AsType[*timeoutError](end); ok {
			return causeTimeout, end
		}
		return causeShutdown, end
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.cause, err
	}
	return causeDump, err
}

// worthRetry says whether another try can help: never after a broken dump command or the end of the context.
func worthRetry(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.retry
	}
	return errors.Is(err, strategy.ErrNoContainer)
}
