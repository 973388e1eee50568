package status

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page and its style are part of the program
	"encoding/base64"
	"html/template"
	"net/http"
	"sync"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// refreshSeconds is how often an open page asks again.
const refreshSeconds = 30

// page writes the one page, and keeps it as long as the summary that it shows.
type page struct {
	template *template.Template
	policy   string

	mu   sync.Mutex
	of   *Status // that kept shows
	kept []byte
}

func newPage() *page {
	sum := sha256.Sum256([]byte(pageCSS))
	return &page{
		// The template is part of the program; one that does not parse is found by every test.
		template: template.Must(template.New("page").Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

func servePage(s *Server, trusted bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := s.summary(r.Context(), trusted)
		if err != nil {
			writeProblem(w, codeOf(err), err.Error())
			return
		}
		body, err := s.page.render(s, v)
		if err != nil {
			writeProblem(w, http.StatusInternalServerError, "write the page: "+err.Error())
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", s.page.policy)
		// The connection is all that could fail here, and then nobody is left to tell.
		_, _ = w.Write(body)
	})
}

func (p *page) render(s *Server, v *Status) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil && p.of == v {
		return p.kept, nil
	}
	var b bytes.Buffer
	err := p.template.Execute(&b, struct {
		pageView
		Style   template.CSS
		Refresh int
	}{makePageView(*v, s.runner.Progress), template.CSS(pageCSS), refreshSeconds})
	if err != nil {
		return nil, err
	}
	p.kept, p.of = b.Bytes(), v
	return p.kept, nil
}
