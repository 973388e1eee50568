package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/transform"
)

// proveRounds is how often each of the two pipelines runs, in turn; the quickest counts.
const proveRounds = 9

// dumpPiece is how much of a dump arrives at once, as from the engine's stream.
const dumpPiece = 32 << 10

// spent is what one pass over a dump took.
type spent struct{ wall, cpu time.Duration }

// prove runs a real dump through the stream's stages up to the target, with and without the strategy's prover beside
// them, and prints what each took: name, MiB, seconds without, seconds with, ratio, ratio of the processor's time, and
// how many MiB the prover alone takes in a second of one core.
func prove(name, file string, out io.Writer) error {
	entries := strategy.Builtin()
	at := slices.IndexFunc(entries, func(e strategy.Entry) bool { return e.Name == name && e.Available })
	if at < 0 {
		return fmt.Errorf("there is no strategy %q", name)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read dump: %w", err)
	}
	var without, with, alone []spent
	for range proveRounds {
		took, err := proverAlone(raw, entries[at].Prover())
		if err != nil {
			return err
		}
		alone = append(alone, took)
		for _, beside := range []func() strategy.Prover{nil, entries[at].Prover} {
			took, err := pipeline(raw, beside)
			if err != nil {
				return err
			}
			if beside == nil {
				without = append(without, took)
			} else {
				with = append(with, took)
			}
		}
	}
	a, b := quickest(without), quickest(with)
	_, err = fmt.Fprintf(out, "%s %d %.2f %.2f %.2f %.2f %.0f\n", name, len(raw)/mib, a.wall.Seconds(), b.wall.Seconds(),
		b.wall.Seconds()/a.wall.Seconds(), b.cpu.Seconds()/a.cpu.Seconds(), float64(len(raw))/mib/quickest(alone).cpu.Seconds())
	return err
}

func proverAlone(raw []byte, prover strategy.Prover) (spent, error) {
	begin, cpu := time.Now(), processorTime()
	for piece := range slices.Chunk(raw, dumpPiece) {
		_, _ = prover.Write(piece) // what is wrong is told by Proof
	}
	if _, err := prover.Proof(); err != nil {
		return spent{}, fmt.Errorf("prove: %w", err)
	}
	return spent{time.Since(begin), processorTime() - cpu}, nil
}

// pipeline is what a run does with a dump: hash and proof of the raw bytes, zstd on two cores, hash of the stored ones.
func pipeline(raw []byte, beside func() strategy.Prover) (spent, error) {
	begin, cpu := time.Now(), processorTime()
	stored := transform.NewMeter(transform.NewSHA256())
	compressor, err := transform.NewWriter(stored, transform.Compression{Algorithm: transform.Zstd}, 2)
	if err != nil {
		return spent{}, fmt.Errorf("make pipeline: %w", err)
	}
	sinks, prover := []io.Writer{transform.NewMeter(transform.NewXXH64())}, strategy.Prover(nil)
	if beside != nil {
		prover = beside()
		sinks = append(sinks, prover)
	}
	all := io.MultiWriter(append(sinks, compressor)...)
	for piece := range slices.Chunk(raw, dumpPiece) {
		if _, err := all.Write(piece); err != nil {
			return spent{}, fmt.Errorf("run pipeline: %w", err)
		}
	}
	if err := compressor.Close(); err != nil {
		return spent{}, fmt.Errorf("end pipeline: %w", err)
	}
	if prover != nil {
		if _, err := prover.Proof(); err != nil {
			return spent{}, fmt.Errorf("prove: %w", err)
		}
	}
	return spent{time.Since(begin), processorTime() - cpu}, nil
}

// quickest is what nothing else on the machine disturbed.
func quickest(all []spent) spent {
	best := all[0]
	for _, s := range all {
		best = spent{min(best.wall, s.wall), min(best.cpu, s.cpu)}
	}
	return best
}

func processorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
