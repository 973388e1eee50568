package status_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/simpledeploy/backup/status"
)

func TestHandler_WhoMayDoWhat(t *testing.T) {
	const token = "t0ken"
	bearer, wrong := "Bearer "+token, "Bearer t0ke"
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	tests := []struct {
		name                string
		token, header       string
		trusted             bool
		health, read, write int
	}{
		{"TCP without a token is read-only", "", "", false, 200, 200, 403},
		{"TCP without a token ignores what is sent", "", bearer, false, 200, 200, 403},
		{"TCP with a token, none sent", token, "", false, 200, 401, 401},
		{"TCP with a token, wrong one sent", token, wrong, false, 200, 401, 401},
		{"TCP with a token, right one sent", token, bearer, false, 200, 200, 202},
		{"TCP with a token, the scheme in lower case", token, "bearer " + token, false, 200, 200, 202},
		{"TCP with a token, sent without a scheme", token, token, false, 200, 401, 401},
		{"TCP with a token, Basic with a wrong password", token, basic("me", "x"), false, 200, 401, 401},
		{"TCP with a token, Basic with the token as the name", token, basic(token, ""), false, 200, 401, 401},
		{"TCP with a token, Basic reads but does not write", token, basic("me", token), false, 200, 200, 401},
		{"socket without a token", "", "", true, 200, 200, 202},
		{"socket with a token needs none", token, "", true, 200, 200, 202},
		{"socket with a token ignores a wrong one", token, wrong, true, 200, 200, 202},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.cfg.Token = tt.token
			h := w.server().Handler(tt.trusted)
			for _, req := range []struct {
				method, path string
				want         int
			}{
				{"GET", "/healthz", tt.health}, {"GET", "/readyz", tt.health}, {"GET", "/", tt.read},
				{"GET", "/api/status", tt.read}, {"GET", "/metrics", tt.read}, {"GET", "/api/runs", tt.read},
				{"POST", "/api/projects/shop/run", tt.write},
			} {
				var header []string
				if tt.header != "" {
					header = []string{"Authorization", tt.header}
				}
				rec := ask(t, h, req.method, req.path, "", header...)
				if rec.Code != req.want {
					t.Errorf("%s %s: got %d, want %d: %s", req.method, req.path, rec.Code, req.want, rec.Body)
				}
				if rec.Code == 401 && rec.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s: 401 does not say how to authenticate", req.method, req.path)
				}
			}
			if tt.write != 202 && len(w.runner.asked) > 0 {
				t.Errorf("the runner was asked: %v", w.runner.asked)
			}
		})
	}
}

func TestHandler_EveryWriteIsClosedOverTCP(t *testing.T) {
	w := newWorld(t)
	h := w.server().Handler(false)
	for line := range strings.Lines(status.APIReference()) {
		_, path, found := strings.Cut(line, "| `POST ")
		if !found {
			continue
		}
		path, _, _ = strings.Cut(path, "`")
		if rec := ask(t, h, "POST", strings.NewReplacer("{", "", "}", "").Replace(path), ""); rec.Code != http.StatusForbidden {
			t.Errorf("POST %s: got %d, want 403", path, rec.Code)
		}
	}
}

func TestHandler_WritesFromOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.cfg.Token = "t0ken"
	for name, header := range map[string][]string{
		"fetch metadata": {"Sec-Fetch-Site", "cross-site"},
		"origin":         {"Origin", "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.ask(false, "POST", "/api/projects/shop/run", "", append(header, "Authorization", "Bearer t0ken")...)
			if rec.Code != http.StatusForbidden || len(w.runner.asked) > 0 {
				t.Errorf("got %d %s, asked %v", rec.Code, rec.Body, w.runner.asked)
			}
		})
	}
}

func TestHandler_ErrorsAreProblems(t *testing.T) {
	w := newWorld(t)
	w.cfg.Token = "t0ken"
	for path, want := range map[string]int{
		"/nowhere": 404, "/api/runs/none": 404, "/api/runs/none/progress": 404, "/api/restores/none": 404, "/api/jobs/a/b/c": 404,
		"/api/runs?stat=failed": 400, "/api/runs?limit=0": 400, "/api/runs?limit=501": 400, "/api/runs?since=yesterday": 400,
		"/api/runs?cursor=x": 400, "/api/jobs?all=yes": 400,
	} {
		rec := w.ask(false, "GET", path, "", "Authorization", "Bearer t0ken")
		var p status.ProblemDetails
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
			t.Errorf("%s: %v: %s", path, err, rec.Body)
		}
		if rec.Code != want || p.Status != want || p.Detail == "" || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %+v, want %d", path, rec.Code, p, want)
		}
	}
}

func TestHandler_NoSecretIsEverShown(t *testing.T) {
	w := newWorld(t)
	w.populate()
	w.cfg.Token = secret
	for i := range w.runner.plan.Jobs {
		j := &w.runner.plan.Jobs[i]
		j.Labels = map[string]string{"simpledeploy.backup.pre": "curl -H " + secret}
		j.Pre, j.Post, j.DumpCommand, j.RestoreCommand = secret, secret, secret, secret
	}
	for i := range w.runner.plan.Services {
		w.runner.plan.Services[i].Container.Labels = map[string]string{"password": secret}
	}
	h := w.server().Handler(false)
	for line := range strings.Lines(status.APIReference()) {
		_, path, found := strings.Cut(line, "| `GET ")
		if !found {
			continue
		}
		path, _, _ = strings.Cut(path, "`")
		path = strings.NewReplacer("{project}", "shop", "{service}", "db", "{job}", "default", "{id}", runID("sd", 1)).Replace(path)
		for _, header := range []string{"Bearer " + secret, "Bearer wrong"} {
			rec := ask(t, h, "GET", path, "", "Authorization", header)
			if rec.Code >= 500 || strings.Contains(rec.Body.String(), secret) {
				t.Errorf("GET %s: %d %s", path, rec.Code, rec.Body)
			}
		}
	}
}
