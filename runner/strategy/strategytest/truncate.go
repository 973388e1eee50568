package strategytest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/simpledeploy/backup/runner/strategy"
)

// SeedVariable makes a test repeat the places of an earlier one, which printed its seed.
const SeedVariable = "STRATEGYTEST_SEED"

// Truncations cuts a real dump at 200 random places and right before its last byte: the prover must call each of the
// pieces broken, and the whole dump whole.
func Truncations(t *testing.T, prover func() strategy.Prover, dump []byte) {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv(SeedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", SeedVariable, err)
		}
	}
	t.Logf("%s=%d repeats these cuts of %d bytes", SeedVariable, seed, len(dump))
	if _, err := proofOf(prover, dump); err != nil {
		t.Fatalf("the whole dump is not proven: %v", err)
	}
	random := rand.New(rand.NewPCG(seed, seed))
	cuts := []int{len(dump) - 1}
	for range 200 {
		cuts = append(cuts, random.IntN(len(dump)))
	}
	for _, n := range cuts {
		if proof, err := proofOf(prover, dump[:n]); err == nil {
			t.Errorf("the first %d of %d bytes count as whole: %+v", n, len(dump), proof)
		}
	}
}

// proofOf writes in pieces, as a dump arrives.
func proofOf(prover func() strategy.Prover, raw []byte) (strategy.Proof, error) {
	p := prover()
	for len(raw) > 0 {
		n := min(len(raw), 32749)
		if _, err := p.Write(raw[:n]); err != nil {
			return strategy.Proof{}, err
		}
		raw = raw[n:]
	}
	return p.Proof()
}
