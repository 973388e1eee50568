package retention

import "time"

// Policy says how many backups to keep. Zero everywhere keeps all.
type Policy struct {
	Last    int
	Within  time.Duration
	Hourly  int
	Daily   int
	Weekly  int
	Monthly int
	Yearly  int
}
