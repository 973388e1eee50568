package status

import (
	"context"
	"time"

	"github.com/simpledeploy/backup/runner"
)

// Runner is the runner as this package needs it.
type Runner interface {
	Teller
	Starter
	GroupRestorer
	Switch
}

// Teller says how things are and what will come.
type Teller interface {
	Snapshot() runner.Plan
	PlanView(ctx context.Context) (runner.PlanView, error)
	// Progress knows runs and restores that are at work.
	Progress(id string) (runner.Progress, bool)
	Health(ctx context.Context) runner.Health
}

// Starter begins work that goes on by itself.
type Starter interface {
	Trigger(ctx context.Context, req runner.RunRequest) ([]string, error)
	StartRestore(ctx context.Context, req runner.RestoreRequest) (string, error)
	PlanRestore(ctx context.Context, req runner.RestoreRequest) (runner.RestorePlan, error)
	Prune(ctx context.Context, jobID string, absent, dryRun bool) ([]runner.PruneResult, error)
	Adopt(ctx context.Context, target string) error
}

// GroupRestorer brings a group run back as one.
type GroupRestorer interface {
	StartGroupRestore(ctx context.Context, req runner.GroupRestoreRequest) (string, error)
	PlanGroupRestore(ctx context.Context, req runner.GroupRestoreRequest) (runner.GroupRestorePlan, error)
}

// Switch holds the schedule back.
type Switch interface {
	Pause(ctx context.Context, until time.Time) error
	Resume(ctx context.Context) error
	PausedUntil() time.Time
}

// Target is one configured storage as this package shows it: never its path, which may hold credentials.
type Target interface {
	Name() string
	Local() bool
	// Check says whether it answers at all.
	Check(ctx context.Context) error
	Free(ctx context.Context) (bytes int64, known bool, err error)
}
