package status_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simpledeploy/backup/runner"
	"github.com/simpledeploy/backup/store"
)

// TEST_CHROMIUM names a browser; TEST_PAGE_DIR keeps what it saw.
func TestPage_ABrowserShowsItUnderItsOwnPolicy(t *testing.T) {
	browser := os.Getenv("TEST_CHROMIUM")
	if browser == "" {
		t.Skip("TEST_CHROMIUM names no browser")
	}
	dir := os.Getenv("TEST_PAGE_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	w := newWorld(t)
	w.populate()
	w.grouped()
	w.put("shop/files/default", runID("sf", -1), store.Succeeded, time.Hour, time.Second, 2<<20, func(r *store.Run) {
		r.Warnings = []string{"holds far less than the last good backup of this job: 3,000 entries before, 1 now"}
	})
	w.runner.health = runner.Health{Ready: true, Reasons: []string{"job blog/db/default: no good backup for 2 days, its rpo is 26h"}, Overdue: []string{"blog/db/default"}}
	web := httptest.NewServer(w.server().Handler(false))
	defer web.Close()
	for name, args := range map[string][]string{
		"light": {"--window-size=1280,1900"}, "narrow": {"--window-size=500,2600"},
		"dark": {"--window-size=1280,1900", "--blink-settings=preferredColorScheme=0"},
	} {
		picture := filepath.Join(dir, name+".png")
		cmd := exec.CommandContext(t.Context(), browser, append(args, "--headless", "--no-sandbox", "--disable-gpu",
			"--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--screenshot="+picture, web.URL)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if strings.Contains(string(out), "Content Security Policy") {
			t.Errorf("%s: the page breaks its own policy:\n%s", name, out)
		}
		if info, err := os.Stat(picture); err != nil || info.Size() < 20_000 {
			t.Errorf("%s: no picture worth the name: %v", name, err)
		}
	}
}
