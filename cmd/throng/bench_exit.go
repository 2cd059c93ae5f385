package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// Exit codes of bench, in addition to those of every command.
const (
	exitThreshold   = 4   // a --fail bound does not hold
	exitInvalid     = 5   // CLIENT-LIMITED or NOT STEADY
	exitNotProved   = 6   // DELIVERY BROKEN
	exitGaps        = 7   // GAPS TOLD
	exitInterrupted = 130 // stopped by a signal; the partial result is printed
)

// verdictError returns the error for a verdict, or for a bound that does not hold; else nil.
func verdictError(r *result.Result) error {
	switch r.Verdict.Code {
	case result.Broken:
		return &exitError{code: exitNotProved, err: errors.New("result is DELIVERY BROKEN: the first lines name what failed")}
	case result.Gaps:
		return &exitError{code: exitGaps, err: errors.New("result is GAPS TOLD: raise the history size of the room")}
	case result.Limited:
		return &exitError{code: exitInvalid, err: fmt.Errorf("result is CLIENT-LIMITED: %s", advice(r))}
	case result.Unsteady:
		return &exitError{code: exitInvalid, err: errors.New("result is NOT STEADY: raise --duration, or lower --rate")}
	case result.None:
		return errors.New("result is NO VERDICT: the first lines name the reason")
	}
	if i := slices.IndexFunc(r.Thresholds, func(t result.Threshold) bool { return !t.OK }); i >= 0 {
		return &exitError{code: exitThreshold, err: fmt.Errorf("%s does not hold", r.Thresholds[i].Expr)}
	}
	return nil
}

// advice returns the cause of CLIENT-LIMITED with what to do, as in the result.
func advice(r *result.Result) string {
	if i := slices.IndexFunc(r.Verdict.Why, func(why string) bool { return strings.HasPrefix(why, "cause: ") }); i >= 0 {
		return r.Verdict.Why[i]
	}
	return "lower --rate, or add agents"
}
