package main

import (
	"io"
	"time"

	"github.com/rs/zerolog"
)

// newLogger writes one line per outcome, for machines or for people.
func newLogger(cfg config, w io.Writer) zerolog.Logger {
	if cfg.LogFormat == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.DateTime}
	}
	level, err := zerolog.ParseLevel(cfg.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel // checked before; a log is no place to fail
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
