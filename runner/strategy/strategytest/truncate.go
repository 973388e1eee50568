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

// Truncations cuts a real dump at 200 random places, before its first byte and before its last: the prover must call
// each of the pieces broken, and the whole dump whole.
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
	if _, err := prove(prover(), dump); err != nil {
		t.Fatalf("the whole dump is not proven: %v", err)
	}
	random := rand.New(rand.NewPCG(seed, seed))
	cuts := []int{0, 1, len(dump) - 1}
	for range 200 {
		cuts = append(cuts, random.IntN(len(dump)))
	}
	for _, n := range cuts {
		if proof, err := prove(prover(), dump[:n]); err == nil {
			t.Errorf("the first %d of %d bytes count as whole: %+v", n, len(dump), proof)
		}
	}
}
