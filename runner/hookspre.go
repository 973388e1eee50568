package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/store"
)

// hookMark is the variable by which everything that a pre hook starts is known again, also by the next process.
const hookMark = "SIMPLEDEPLOY_HOOK"

const (
	preLook  = 200 * time.Millisecond
	preGrace = 5 * time.Second // between TERM and KILL
)

// preMark is what the hook pre carries in its environment, where post is promised.
func (b *backup) preMark() []string {
	if b.promised == nil {
		return nil
	}
	return []string{hookMark + "=" + b.promised.ID}
}

// preCreated writes into post's promise which command post has to come after, before that command starts: after a
// crash pre goes on in the container by itself, and post before its end would undo nothing.
func (r *Runner) preCreated(ctx context.Context, b *backup) func(id string) error {
	if b.promised == nil {
		return nil
	}
	return func(id string) error {
		var note postNote
		if err := json.Unmarshal(b.promised.Data, &note); err != nil {
			return fmt.Errorf("read the journal before hook pre: %w", err)
		}
		note.Pre = id
		data, err := json.Marshal(note)
		if err != nil {
			return fmt.Errorf("write the journal before hook pre: %w", err)
		}
		b.promised.Data = data
		if err := r.cfg.Store.AddJournal(ctx, *b.promised); err != nil {
			return fmt.Errorf("write the journal before hook pre: %w", err)
		}
		return nil
	}
}

// awaitPre returns once the pre that an earlier process began is over. It may take what is left of its hook-timeout,
// and is ended then, with all that it started, as it would have been by the process that began it.
func (r *Runner) awaitPre(ctx context.Context, e store.Entry, note postNote) error {
	if note.Pre == "" {
		return nil
	}
	over, err := r.preOver(ctx, note.Pre, e.At.Add(note.Timeout))
	for _, signal := range []string{"TERM", "KILL"} {
		if over || err != nil {
			return err
		}
		r.log.Warn().Str("service", e.Project+"/"+e.Service).Str("run", e.RunID).Str("signal", signal).Msg("hook pre of a run that died is still under way past its hook-timeout and is ended")
		if err := r.endPre(ctx, e, signal); err != nil {
			return fmt.Errorf("end the hook pre that is still under way: %w", err)
		}
		over, err = r.preOver(ctx, note.Pre, r.now().Add(preGrace))
	}
	if err == nil && !over {
		err = fmt.Errorf("hook pre is still under way in the container, and could not be ended")
	}
	return err
}

// preOver waits for the end of a command, until then at most.
func (r *Runner) preOver(ctx context.Context, id string, until time.Time) (bool, error) {
	tick := time.NewTicker(preLook)
	defer tick.Stop()
	for {
		running, err := r.cfg.Engine.ExecRunning(ctx, id)
		if err != nil || !running {
			return !running, err
		}
		if !r.now().Before(until) {
			return false, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// endPre sends a signal to everything in the container that carries the hook's mark.
func (r *Runner) endPre(ctx context.Context, e store.Entry, signal string) error {
	const script = `for p in /proc/[0-9]*; do
	tr '\0' '\n' < "$p/environ" 2>/dev/null | grep -qx "$2" && kill -s "$1" "${p#/proc/}" 2>/dev/null
done
exit 0`
	info, err := r.cfg.Engine.Inspect(ctx, e.Container)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return r.cfg.Engine.Container(info).Exec(bounded, strategy.Command{Args: []string{"sh", "-c", script, "sh", signal, hookMark + "=" + e.ID}})
}
