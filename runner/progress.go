package runner

import (
	"sync"
	"time"

	"github.com/simpledeploy/backup/runner/transform"
)

// progressTable knows how far the work under way is. Nothing of it is recorded.
type progressTable struct {
	mu   sync.Mutex
	rows map[string]*progressRow
}

type progressRow struct {
	phase       string
	since       time.Time
	expected    int64
	raw, stored *transform.Meter
}

func (p *progressTable) start(id, phase string, expected int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rows == nil {
		p.rows = map[string]*progressRow{}
	}
	p.rows[id] = &progressRow{phase: phase, since: now, expected: expected}
}

func (p *progressTable) phase(id, phase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if row := p.rows[id]; row != nil {
		row.phase = phase
	}
}

func (p *progressTable) meters(id string, raw, stored *transform.Meter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if row := p.rows[id]; row != nil {
		row.raw, row.stored = raw, stored
	}
}

func (p *progressTable) end(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rows, id)
}

// Progress says how far a run or a restore is; false once it has ended.
func (r *Runner) Progress(id string) (Progress, bool) {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	row := r.progress.rows[id]
	if row == nil {
		return Progress{}, false
	}
	out := Progress{Phase: row.phase, ExpectedBytes: row.expected, Since: row.since}
	if row.raw != nil {
		out.RawBytes = row.raw.Bytes()
	}
	if row.stored != nil {
		out.StoredBytes = row.stored.Bytes()
	}
	return out, true
}
