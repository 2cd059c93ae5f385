package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench/report"
	"github.com/throng-chat/throng/bench/result"
)

// reportCmd is the command throng bench report.
type reportCmd struct {
	File string `arg:"" type:"existingfile" help:"Result file, written by --out or --json."`
	HTML string `name:"html" type:"path" help:"Write an HTML page to this file."`
	CSV  string `name:"csv" type:"path" help:"Write the time series as CSV to this file."`
	HGRM string `name:"hgrm" type:"path" help:"Write the latency percentiles to this file, in the format of the HdrHistogram plotter."`
}

// Run converts a result file to the formats of the flags. Without a flag it prints the result as text.
func (rp *reportCmd) Run() error {
	r, err := readResult(rp.File)
	if err != nil {
		return err
	}
	if rp.HTML+rp.CSV+rp.HGRM == "" {
		return r.WriteText(os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
	}
	return errors.Join(writeTo(rp.HTML, r, report.HTML), writeTo(rp.CSV, r, report.CSV), writeTo(rp.HGRM, r, report.HGRM))
}

// output has the flags that define where the result is written.
type output struct {
	Fail  []string `help:"Bound that must hold, such as p99<50ms, lost==0 or deliveries/s>1M. May be repeated." sep:"none"`
	Label string   `help:"Name of the run, stored in the result."`
	JSON  bool     `name:"json" help:"Print the result as JSON on standard output, instead of text."`
	Out   string   `type:"path" help:"Write the result to this file."`
	CSV   string   `name:"csv" type:"path" help:"Write the time series as CSV to this file."`
	HTML  string   `name:"html" type:"path" help:"Write an HTML report to this file."`
}

// write writes a result in all formats of the flags.
func (o *output) write(r *result.Result) error {
	stdout := func() error { return r.WriteText(os.Stdout, term.IsTerminal(int(os.Stdout.Fd()))) }
	if o.JSON {
		stdout = func() error { return r.Write(os.Stdout) }
	}
	// An error in one format does not prevent the others.
	return errors.Join(
		stdout(),
		writeTo(o.Out, r, func(w io.Writer, r *result.Result) error { return r.Write(w) }),
		writeTo(o.CSV, r, report.CSV),
		writeTo(o.HTML, r, report.HTML),
	)
}

// writeTo writes r to a file in one format. It does nothing if name is empty.
func writeTo(name string, r *result.Result, form func(io.Writer, *result.Result) error) error {
	if name == "" {
		return nil
	}
	var text bytes.Buffer
	if err := form(&text, r); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.WriteFile(name, text.Bytes(), 0o666)
}

func readResult(name string) (*result.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
