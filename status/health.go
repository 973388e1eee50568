package status

import (
	"net/http"
)

// Alive is the answer of a process that answers.
type Alive struct {
	Alive bool `json:"alive"`
}

// Ready says what the appliance needs and has. It names no cause: it is told without a token.
type Ready struct {
	Ready  bool `json:"ready"`
	Engine bool `json:"engine"`
	Store  bool `json:"store"`
}

func getAlive(*Server, *http.Request) (any, error) { return Alive{Alive: true}, nil }

func getReady(s *Server, r *http.Request) (any, error) {
	h := s.runner.Health(r.Context())
	return Ready{Ready: h.Ready, Engine: h.Engine == "", Store: h.Store == ""}, nil
}

func getHealth(s *Server, r *http.Request) (any, error) { return s.runner.Health(r.Context()), nil }
