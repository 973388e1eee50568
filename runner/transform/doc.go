// Package transform holds the stages that a backup's stream goes through between the strategy and the target:
// compression, and meters that count and hash what passes.
//
// It promises ordinary formats (stock zstd and gzip read what it writes), memory that does not depend on the
// length of the stream, and that a stream which ends too early is an error and never a clean end. It knows no
// files, no targets and no containers.
//
//	strategy.Dump → prover + Meter → NewWriter → Meter → target.Put
//	target.Open → Meter → NewReader → prover + Meter → strategy.Restore
package transform
