package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"github.com/throng-chat/throng/bench"
	"github.com/throng-chat/throng/bench/result"
)

// runCmd is the command throng bench run. A plan file has stages, each a scenario with its flags as keys:
//
//	[[stage]]
//	scenario = "broadcast"
//	url = "ws://127.0.0.1:3000/ws"
//	rate = 500
//	fail = ["p99<50ms", "lost==0"]
type runCmd struct {
	Plan string `arg:"" type:"existingfile" help:"Plan file (TOML): [[stage]] tables, each with a scenario and its flags as keys."`
}

// plan is the content of a plan file.
type plan struct {
	Stage []map[string]any `toml:"stage"`
}

// parsing parses a command line into a command that is ready to run.
type parsing func(args []string) (*kong.Context, error)

// Run checks all stages before it runs the first, and runs all of them. The first stage that fails gives the exit code.
func (rn *runCmd) Run(parse parsing) error {
	text, err := os.ReadFile(rn.Plan)
	if err != nil {
		return err
	}
	stages, err := parsePlan(text)
	if err != nil {
		return &exitError{code: exitUsage, err: fmt.Errorf("%s: %w", rn.Plan, err)}
	}
	var contexts []*kong.Context
	var errs []error
	for i, args := range stages {
		ctx, err := parse(args)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: stage %d: %w", rn.Plan, i+1, err))
		}
		contexts = append(contexts, ctx)
	}
	if len(errs) > 0 {
		return &exitError{code: exitUsage, err: errors.Join(errs...)}
	}
	var first error
	for i, ctx := range contexts {
		fmt.Fprintf(os.Stderr, "stage %d of %d: %s\n", i+1, len(contexts), stages[i][1])
		err := ctx.Run()
		if err != nil {
			err = fmt.Errorf("stage %d: %w", i+1, err)
			fmt.Fprintln(os.Stderr, "throng:", result.Printable(err.Error()))
		}
		if first == nil {
			first = err
		}
		if e := (*exitError)(nil); errors.As(err, &e) && e.code == exitInterrupted {
			break
		}
	}
	return first
}

// parsePlan returns the command line of each stage.
func parsePlan(text []byte) (stages [][]string, err error) {
	var p plan
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&p); err != nil {
		if strict := (*toml.StrictMissingError)(nil); errors.As(err, &strict) {
			return nil, fmt.Errorf("a plan must have only [[stage]] tables:\n%s", strict.String())
		}
		return nil, err
	}
	if len(p.Stage) == 0 {
		return nil, errors.New("stage: missing: add at least one [[stage]]")
	}
	known := append(slices.Clone(bench.Scenarios), "ladder", "find", "ab", "floor")
	for i, stage := range p.Stage {
		scenario, ok := stage["scenario"].(string)
		if !ok || !slices.Contains(known, scenario) {
			return nil, fmt.Errorf("stage %d: scenario must be one of %s", i+1, strings.Join(known, ", "))
		}
		args := []string{"bench", scenario}
		for _, key := range slices.Sorted(maps.Keys(stage)) {
			if key == "scenario" {
				continue
			}
			values, ok := stage[key].([]any)
			if !ok {
				values = []any{stage[key]}
			}
			for _, v := range values {
				switch v.(type) {
				case string, int64, float64, bool:
				default:
					return nil, fmt.Errorf("stage %d: %s: must be a text, a number, true or false, or a list of them", i+1, key)
				}
				if key == "url" {
					args = append(args, fmt.Sprint(v))
				} else {
					args = append(args, fmt.Sprintf("--%s=%v", key, v))
				}
			}
		}
		stages = append(stages, args)
	}
	return stages, nil
}
