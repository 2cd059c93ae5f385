// Package result is the result of a load test: the result file (schema bench/1), and its texts. It measures nothing.
//
//	result.go        Result: the whole file, read and written
//	plan.go          what was run, and where
//	load.go          connections, messages sent, latency
//	delivery.go      the delivery check
//	cost.go          CPU and memory of the server, the client and the floor
//	scenario.go      storm, resume, slow
//	targets.go       rooms that are spread over several servers
//	search.go        ladder and find
//	series.go        one row per second
//	verdict.go       verdict and thresholds
//	metric.go        metrics by name; threshold.go: bounds on them
//	words.go         texts for the report and for text.go, which prints a result for a person
package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/throng-chat/throng/bench/observe"
)

// Schema is the version of the file format. An incompatible change gets a new version.
const Schema = "bench/1"

// Result is one run. Fields whose names end in _ns are nanoseconds; memory is in bytes, rates are per second.
type Result struct {
	Schema  string    `json:"schema"`
	Tool    string    `json:"tool"` // "throng 0.2.0"
	Label   string    `json:"label,omitempty"`
	Started time.Time `json:"started"`
	Args    []string  `json:"args,omitempty"` // the command line

	Verdict     Verdict     `json:"verdict"`
	Interrupted bool        `json:"interrupted"`
	Notes       []string    `json:"notes"`
	Thresholds  []Threshold `json:"thresholds"`

	Env         Env            `json:"env"`
	Target      Target         `json:"target"`
	Plan        Plan           `json:"plan"`
	Connect     Connect        `json:"connect"`
	Sent        Sent           `json:"sent"`
	Latency     Latency        `json:"latency"`
	Delivery    Delivery       `json:"delivery"`
	Server      Server         `json:"server"`
	Client      Client         `json:"client"`
	Floor       *Floor         `json:"floor"`             // nil if not measured
	Targets     []SpreadTarget `json:"targets,omitempty"` // with --targets
	Storm       *Storm         `json:"storm,omitempty"`
	Slow        *Slow          `json:"slow,omitempty"`
	Resume      *Resume        `json:"resume,omitempty"`      // nil without --resume
	Compression *Compression   `json:"compression,omitempty"` // with --compress
	Steps       []Step         `json:"steps,omitempty"`       // of ladder and find
	Found       *Found         `json:"found,omitempty"`       // of find

	Series   []Second      `json:"series"`   // from the first message, or from the time at which all were connected
	Observed []observe.Row `json:"observed"` // the server's process and its kernel, on the same time axis
	Agents   []Agent       `json:"agents"`
}

// Read reads a result file. It returns an error if the file has another schema.
func Read(r io.Reader) (*Result, error) {
	out := &Result{}
	if err := json.NewDecoder(r).Decode(out); err != nil {
		return nil, fmt.Errorf("read a result: %w", err)
	}
	switch out.Schema {
	case Schema:
		return out, nil
	case "":
		return nil, errors.New("read a result: no schema: not a result of throng bench --json")
	default:
		return nil, fmt.Errorf("read a result: schema %s: this version of throng reads %s", out.Schema, Schema)
	}
}

// Write writes the result file.
func (r *Result) Write(w io.Writer) error {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	if err := out.Encode(r); err != nil {
		return err
	}
	_, err := w.Write(printableJSON(text.Bytes()))
	return err
}
