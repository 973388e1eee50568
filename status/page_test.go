package status_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

func TestPage_ShowsWhatAnOwnerMustKnow(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.runner.health = runner.Health{Ready: true, Reasons: []string{"job blog/db/default: no good backup for 2 days, its rpo is 26h"}, Overdue: []string{"blog/db/default"}}
	rec := w.ask(false, "GET", "/", "")
	body := rec.Body.String()
	if dir := os.Getenv("TEST_PAGE_DIR"); dir != "" {
		w.must(os.WriteFile(dir+"/page.html", rec.Body.Bytes(), 0o600))
	}
	for _, want := range []string{
		"Unhealthy", "no good backup for 2 days", "blog/db", "overdue", "password authentication failed", "42 %", "dumping",
		"strategy redis is not available", "the target is on the same disk", "registry", "shop", "10 h ago",
		"1 job no longer declared", `<meta http-equiv="refresh"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "ZgotmplZ", "<nil>"} {
		if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), never) {
			t.Errorf("the page holds %q", never)
		}
	}
	policy := rec.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy is %q", policy)
	}
}

func TestPage_NamesFromLabelsAreEscaped(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.put("shop/db/default", runID("xx", -1), "failed", time.Minute, time.Second, 0, func(r *store.Run) { r.Error = "<script>alert(1)</script>" })
	body := w.ask(false, "GET", "/", "").Body.String()
	if strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("an error from outside reached the page unescaped")
	}
}

func TestPage_EmptyRecordSaysHowToBegin(t *testing.T) {
	body := newWorld(t).ask(false, "GET", "/", "").Body.String()
	for _, want := range []string{"Healthy", "No job yet", "simpledeploy.backup.schedule"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
