package brokertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// fakeConfig is a Fake with Auto, and a bug if one is planted.
func fakeConfig(planted bug) func(t testing.TB) Config {
	return func(t testing.TB) Config {
		f := New(Options{Seed: 1, Auto: true})
		f.bug = planted
		t.Cleanup(f.End)
		start := func(testing.TB) broker.Engine { return f.Start("node") }
		return Config{
			Start: start, Peer: start, Down: f.Down, Full: f.Full, Advance: f.Advance,
			Drop: func(on bool) {
				if on {
					f.Faults(Faults{Drop: 1})
				} else {
					f.Faults(Faults{})
				}
			},
		}
	}
}

func TestTheFakeKeepsThePromisesOfAnEngine(t *testing.T) {
	t.Parallel()
	Run(t, fakeConfig(""))
}

// recorder is a test that may fail without failing the test that runs it.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// Some bugs show in what does not happen.
func (r *recorder) patience() time.Duration { return 200 * time.Millisecond }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// failuresOf runs a case and returns what it reports.
func failuresOf(t *testing.T, planted bug, run func(testing.TB, Config)) []string {
	r := &recorder{TB: t}
	var wait sync.WaitGroup
	wait.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		run(r, fakeConfig(planted)(r))
	})
	wait.Wait()
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.failures
}

func TestTheSuiteFindsPlantedBugs(t *testing.T) {
	t.Parallel()
	for planted, name := range map[bug]string{
		"the replay leaves out a record":   "RecordsComeBackInOrderAndWhole",
		"a record is cut":                  "RecordsComeBackInOrderAndWhole",
		"a commit is not stored":           "RecordsSurviveARestart",
		"a record is stored twice":         "AnUnknownOutcomeIsFoundOnceOrNot",
		"no fence":                         "AnEarlierOwnerIsFenced",
		"done out of order":                "DoneIsCalledOnceInOrder",
		"done is called twice":             "DoneIsCalledOnceInOrder",
		"appends succeed after a failure":  "AppendsFailAfterAFailure",
		"a closed log forgets its appends": "AClosedLogCompletesItsAppends",
		"a trim reuses numbers":            "TrimKeepsTheNumbersOverARestart",
		"a Put ignores the revision":       "OfTwoConditionalPutsOneSucceeds",
		"keys do not end":                  "KeysEndAfterTheirTime",
		"a watch leaves out removed keys":  "AWatchReportsWhatIsAndWhatChanges",
		"losses are not reported":          "LostMessagesAreReported",
	} {
		t.Run(strings.ReplaceAll(string(planted), " ", "-"), func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				if c.name == name && len(failuresOf(t, planted, c.run)) == 0 {
					t.Errorf("%s does not find the bug", name)
				}
			}
		})
	}
}
