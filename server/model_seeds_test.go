package server

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// The seeds of the models, and the cases that these must reach.

// modelSeeds returns the first seed of a model and the number of its seeds. They are the same in each run, unless random is true. THRONG_MODEL_SEED
// runs only the seed that a failed test has named.
func modelSeeds(t *testing.T, all int, random bool) (first uint64, seeds int) {
	t.Helper()
	if text := os.Getenv("THRONG_MODEL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed, 1
	}
	first, seeds = 1, testkit.Share(all)
	if random {
		first = uint64(time.Now().UnixNano())
	}
	return first, seeds
}

// stepsOf returns the steps of one seed: THRONG_MODEL_STEPS changes them.
func stepsOf(usual int) (steps int, changed bool) {
	if n, err := strconv.Atoi(os.Getenv("THRONG_MODEL_STEPS")); err == nil {
		return n, true
	}
	return usual, false
}

// checkCases fails the test if the models never reached a case: then they prove nothing about it.
func checkCases(t *testing.T, did map[string]int, seeds, all int, cases []string) {
	t.Helper()
	for _, what := range cases {
		if seeds > 1 && did[what] < fewest(seeds, all) {
			t.Errorf("only %d times in %d models: %s", did[what], seeds, what)
		}
	}
	t.Logf("%d models: %v", seeds, did)
}

// fewest returns how often models must reach a case. All seeds reach the rarest case at least four times as often on average: more than six standard
// deviations, so random seeds do not miss it by chance. A part of the seeds may reach it once.
func fewest(seeds, all int) int {
	if seeds < all {
		return 1
	}
	return seeds / 20
}
