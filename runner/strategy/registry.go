package strategy

// Entry is everything that the rest of the program needs to know of one strategy.
type Entry struct {
	Name      string   // the word in the label
	Aliases   []string // other words for the same strategy
	Extension string   // ".sql", ".tar": of the raw form
	Images    []string // names of images, registry and tag aside, that this strategy is meant for

	Available bool // false: recognised, but its part of the program comes with a later version
	Files     bool // reads files: may be quiesced, and works on a stopped container
	Stop      bool // a restore needs every container that mounts the paths stopped
	Stages    bool // Restore commits only at the end of the stream, so one pass is enough

	Strategy Strategy                 // nil when not available
	Prover   func() Prover            // nil when not available
	Recipe   func(opt Options) string // shell that restores the raw form from stdin with stock tools; "$CONTAINER" names the container

	// ProverFor is set where the raw form differs from job to job: the prover of one raw extension.
	ProverFor func(extension string) Prover
}

// NewProver is a prover for a raw stream of this extension.
func (e Entry) NewProver(extension string) Prover {
	if e.ProverFor != nil {
		return e.ProverFor(extension)
	}
	return e.Prover()
}
