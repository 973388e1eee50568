package status_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/simpledeploy/backup/status"
	"github.com/simpledeploy/backup/store"
)

func TestStatus_ReadersOverTCPShareOneSummaryAndTheSocketSeesThePresent(t *testing.T) {
	w := newWorld(t)
	now := noon
	w.cfg.Now = func() time.Time { return now }
	s := w.server()
	tcp, socket := s.Handler(false), s.Handler(true)
	runs := func(trusted bool) int {
		h := tcp
		if trusted {
			h = socket
		}
		var v status.Status
		w.must(json.Unmarshal(ask(t, h, "GET", "/api/status", "").Body.Bytes(), &v))
		return len(v.RecentRuns)
	}
	if runs(false) != 0 {
		t.Fatal("an empty record has runs")
	}
	w.put("shop/db/default", store.NewID(), store.Succeeded, time.Minute, time.Second, 1, nil)
	if got := runs(false); got != 0 {
		t.Errorf("over TCP within a second: %d runs, want the kept summary", got)
	}
	if got := runs(true); got != 1 {
		t.Errorf("over the socket: %d runs, want 1", got)
	}
	w.put("shop/db/default", store.NewID(), store.Succeeded, time.Minute, time.Second, 1, nil)
	now = now.Add(6 * time.Second)
	if got := runs(false); got != 2 {
		t.Errorf("over TCP when the kept one is too old: %d runs, want 2", got)
	}
	ask(t, socket, "POST", "/api/projects/shop/run", "")
	if got := runs(false); got != 3 {
		t.Errorf("over TCP after a change: %d runs, want 3", got)
	}
}
