package status_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/status"
)

// An owner who said no is not told every day that there is no backup.
func TestServices_OptedOutIsNotUnprotected(t *testing.T) {
	w := newWorld(t)
	w.populate()
	for i := range w.runner.plan.Services {
		w.runner.plan.Services[i].OptedOut = w.runner.plan.Services[i].Service == "registry"
	}
	var summary status.Status
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/status", "").Body.Bytes(), &summary))
	for _, s := range summary.Unprotected {
		if s.Service == "registry" {
			t.Error("the summary lists it as unprotected")
		}
	}
	if len(summary.Unprotected) == 0 {
		t.Error("the other one without a backup is no longer listed")
	}
	var seen status.Services
	w.must(json.Unmarshal(w.ask(true, http.MethodGet, "/api/services", "").Body.Bytes(), &seen))
	for _, s := range seen.Services {
		if s.OptedOut != (s.Service == "registry") {
			t.Errorf("%s/%s: opted out is %t", s.Project, s.Service, s.OptedOut)
		}
	}
	if page := w.ask(true, http.MethodGet, "/", "").Body.String(); strings.Contains(page, "registry") {
		t.Error("the page speaks of it")
	}
}
