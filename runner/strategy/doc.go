// Package strategy knows how each kind of service is read and put back: one file per strategy, with what only it needs
// beside it under the same name, and one Entry each in Builtin.
//
// It promises that a dump is done only when its source confirmed it, that a Prover calls no cut or foreign stream
// whole, and that a restore which stages ends in the old state or the new one. It reaches a service through the
// Container port alone: it knows neither the engine's client nor storage, compression or schedule.
//
//	Container.Exec or Help → Dump → raw stream (→ Prover) … raw stream → Restore → Container.Exec or Help
package strategy
