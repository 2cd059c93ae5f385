// Command judge reads the files of a run and prints the verdict of the oracle. See package oracle for the lines.
//
//	judge -log FILE -acks FILE,... -heard FILE,...
//
// Exit codes: 0 all promises were kept; 1 a promise is broken; 2 the input is not valid, or there is nothing to judge.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/throng-chat/throng/server/oracle"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("judge", flag.ContinueOnError)
	flags.SetOutput(stderr)
	log := flags.String("log", "", "output of throng data export")
	acks := flags.String("acks", "", "files of acknowledgements, separated by commas")
	heard := flags.String("heard", "", "files of subscribers, separated by commas")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o := oracle.New()
	for _, in := range []struct {
		files string
		read  func(string, io.Reader) error
	}{{*log, o.ReadLog}, {*acks, o.ReadAcks}, {*heard, o.ReadHeard}} {
		for _, file := range strings.Split(in.files, ",") {
			if err := read(file, in.read); err != nil {
				fmt.Fprintf(stderr, "judge: %v\n", err)
				return 2
			}
		}
	}
	v := o.Verdict()
	if err := v.WriteText(stdout); err != nil {
		fmt.Fprintf(stderr, "judge: write the verdict: %v\n", err)
		return 2
	}
	switch why := v.Empty(); {
	case !v.OK():
		return 1
	case why != "":
		fmt.Fprintf(stderr, "judge: nothing to judge: %s\n", why)
		return 2
	}
	return 0
}

func read(file string, judge func(string, io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("-log, -acks and -heard name files: %w", err)
	}
	defer f.Close()
	return judge(file, f)
}
