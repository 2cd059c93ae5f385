package main

import (
	"errors"
	"fmt"
	"slices"

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
		return &exitError{code: exitInvalid, err: errors.New("result is CLIENT-LIMITED: lower --rate, or add agents")}
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
