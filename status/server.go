package status

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/simpledeploy/backup/store"
)

// Config is all that a Server needs.
type Config struct {
	Runner  Runner
	Store   *store.Store
	Targets []Target
	Token   string // empty: read-only over TCP
	Version string
	Logger  zerolog.Logger
	Now     func() time.Time // nil: time.Now
}

// Server answers for the appliance.
type Server struct {
	runner  Runner
	store   *store.Store
	targets []Target
	token   string
	version string
	log     zerolog.Logger
	now     func() time.Time
	started time.Time
	feed    *feed
	page    *page
	encoded encoding
	metrics http.Handler

	renewing sync.Mutex     // held while a summary is made
	work     sync.WaitGroup // of summaries made behind the readers
	changes  atomic.Uint64  // how often something was changed through the API

	mu     sync.Mutex // guards what follows
	kept   *Status
	keptAt time.Time
}

// New makes a Server. Nothing listens yet.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{
		runner: cfg.Runner, store: cfg.Store, targets: cfg.Targets, token: cfg.Token, version: cfg.Version,
		log: cfg.Logger, now: cfg.Now, started: cfg.Now().UTC(), page: newPage(),
	}
	s.feed = newFeed(cfg.Store, s.started, s.now)
	s.metrics = newMetrics(s)
	return s
}

// Handler is the whole of the routes behind one door; trusted is the control socket's.
func (s *Server) Handler(trusted bool) http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes() {
		var h http.Handler
		switch {
		case rt.raw != nil:
			h = rt.raw(s, trusted)
		default:
			h = s.serveJSON(rt.code(), rt.answer)
		}
		if rt.Access == write {
			h = s.dropsSummary(h)
		}
		mux.Handle(rt.Method+" "+rt.pattern(), s.admit(rt.Access, trusted, markActor(trusted, h)))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, http.StatusNotFound, r.Method+" "+r.URL.Path+": no such route; docs/reference/api.md lists them")
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "a request from another web site's page is refused")
	}))
	return headers(guard.Handler(mux))
}

// dropsSummary forgets the kept summary once a change was asked for.
func (s *Server) dropsSummary(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.forget()
		next.ServeHTTP(w, r)
	})
}

// headers hold for every answer: nothing is kept by browsers or proxies, nothing is guessed, nothing is framed.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
