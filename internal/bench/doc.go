// Command bench makes the data that scripts/bench.sh measures with: the same bytes, names, modes and times on every
// machine, so that figures of two machines or two versions speak of the same work.
//
//	bench mixed DIR   1 GiB in 2,000 files: half of the bytes incompressible, half log lines
//	bench small DIR   50,000 files of 4 KiB: every second folder incompressible, the others log lines
//	bench sql   MIB   rows for COPY on stdout, tab separated, about that many MiB of them
//
// It also measures what a strategy's prover adds to the stream of a real dump:
//
//	bench prove STRATEGY DUMP
package main
