// Throng is a WebSocket chat backend and a load-test client, in one binary.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/bench/result"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "0.1.0"

// Exit codes. A program that runs throng can rely on them.
const (
	exitFailed = 1 // could not do it
	exitUsage  = 2 // flags, environment or config are wrong
	exitInUse  = 3 // an address is in use
)

// exitError is an error that chose its exit code. Any other error means exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the chat server."`
	Bench   benchCmd   `cmd:"" help:"Load-test a WebSocket broadcast server at a ws:// URL, or the built-in server."`
	Doctor  doctorCmd  `cmd:"" help:"Check whether this machine can hold N connections, and print fixes."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Help    helpCmd    `cmd:"" help:"Print this help, or the help of a command: throng help serve."`

	PrintVersion bool `name:"version" help:"Print the version."`
}

// helpCmd is listed here, and done by run.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Name of the command."`
}

type versionCmd struct{}

func (versionCmd) Run() error {
	_, err := fmt.Println("throng", version)
	return err
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// newParser is the command line's.
func newParser(cli *commands) *kong.Kong {
	parser, err := kong.New(cli,
		kong.Name("throng"),
		kong.Description("A WebSocket chat backend and a load-test client."),
		kong.NamedMapper("size", sizeMapper),
		kong.Vars(benchVars()),
		kong.PostBuild(nameEnvironment),
	)
	if err != nil {
		panic(fmt.Sprintf("command table: %v", err))
	}
	return parser
}

// run is main without the exit, so that tests can call it.
func run(args []string) int {
	switch {
	case len(args) == 0:
		return usage()
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		args = []string{"version"}
	}
	ctx, err := newParser(&commands{}).Parse(withValues(args))
	if err != nil {
		return fail(&exitError{code: exitUsage, err: err})
	}
	if err := ctx.Run(); err != nil {
		return fail(err)
	}
	return 0
}

// usage is what somebody reads who gives no command.
func usage() int {
	parser := newParser(&commands{})
	parser.Stdout = os.Stderr
	ctx, err := kong.Trace(parser, nil)
	if err == nil {
		err = ctx.PrintUsage(false)
	}
	if err == nil {
		err = errors.New("want a command: throng serve starts the chat, throng bench a load test")
	}
	return fail(&exitError{code: exitUsage, err: err})
}

// withValues joins a flag and a negative number behind it. The parser takes one for another flag and says so; the flag's own
// check says what it wants.
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

// fail prints err and returns its exit code.
func fail(err error) int {
	fmt.Fprintf(os.Stderr, "throng: %s\n", result.Printable(err.Error())) // it may say what a server said
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
