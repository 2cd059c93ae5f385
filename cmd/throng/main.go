// Command throng is a WebSocket chat backend and a load-test client.
package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type commands struct {
	Serve      serveCmd      `cmd:"" help:"Run the chat server."`
	Bench      benchCmd      `cmd:"" help:"Load-test a WebSocket broadcast server at a ws:// URL, or the built-in server."`
	Data       dataCmd       `cmd:"" help:"Check, export or import the data directory of durable rooms."`
	Cluster    clusterCmd    `cmd:"" help:"Show the state of a cluster."`
	Config     configCmd     `cmd:"" help:"Write a config file, or show the settings in effect."`
	Token      tokenCmd      `cmd:"" help:"Make, read or check the tokens of clients."`
	Key        keyCmd        `cmd:"" help:"Make a secret or a pair of keys."`
	Health     healthCmd     `cmd:"" help:"Ask the server whether it is ready: for the health check of a container."`
	Publish    publishCmd    `cmd:"" help:"Publish messages in a room: one text, or the lines of standard input."`
	Listen     listenCmd     `cmd:"" help:"Print the publications of a room as JSON lines. It recovers after a cut."`
	Doctor     doctorCmd     `cmd:"" help:"Check whether this machine can hold N connections, and print fixes."`
	Completion completionCmd `cmd:"" help:"Print a script that completes the commands and flags of throng in a shell."`
	Man        manCmd        `cmd:"" help:"Print the manual page, for man."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Help       helpCmd       `cmd:"" help:"Print this help, or the help of a command: throng help serve."`

	PrintVersion bool `name:"version" help:"Print the version."`
}

// helpCmd lists the command help in the usage text; run handles it.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Name of the command."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run runs a command line and returns the exit code.
func run(args []string) int {
	if completes(&commands{}) {
		return 0
	}
	switch {
	case len(args) == 0:
		return usage()
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		args = []string{"version"}
	}
	ctx, err := parseArgs(withValues(args))
	if err != nil {
		return fail(&exitError{code: exitUsage, err: err})
	}
	if err := ctx.Run(parsing(parseArgs), &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}); err != nil {
		return fail(err)
	}
	return 0
}

// parseArgs parses a command line into a new commands value.
func parseArgs(args []string) (*kong.Context, error) { return newParser(&commands{}).Parse(args) }

// usage prints the help to standard error and returns the exit code for a missing command.
func usage() int {
	parser := newParser(&commands{})
	parser.Stdout = os.Stderr
	ctx, err := kong.Trace(parser, nil)
	if err == nil {
		err = ctx.PrintUsage(false)
	}
	if err == nil {
		err = errors.New("command: missing: throng serve starts the chat, throng bench starts a load test")
	}
	return fail(&exitError{code: exitUsage, err: err})
}

// withValues joins a flag and the negative number after it. Otherwise the parser reports the number as an unknown flag, and the error does
// not give the allowed range.
func withValues(args []string) []string {
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		isNumber := len(arg) > 1 && arg[0] == '-' && (arg[1] == '.' || '0' <= arg[1] && arg[1] <= '9')
		if last := len(joined) - 1; isNumber && last >= 0 && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}
