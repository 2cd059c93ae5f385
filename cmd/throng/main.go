// Throng is a WebSocket chat backend that one Linux machine can run for a crowd, and the load test that proves it.
package main

import (
	"errors"
	"fmt"
	"os"

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
	Bench   benchCmd   `cmd:"" help:"Load-test a WebSocket broadcast server: throng's own, or any other."`
	Doctor  doctorCmd  `cmd:"" help:"What will stop this machine from holding so many connections, and how to mend it."`
	Version versionCmd `cmd:"" help:"Print the version."`
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
		kong.Description("A WebSocket chat backend for very many connections, and its load test."),
		kong.Vars(serveVars()),
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
	ctx, err := newParser(&commands{}).Parse(args)
	if err != nil {
		return fail(&exitError{exitUsage, err})
	}
	if err := ctx.Run(); err != nil {
		return fail(err)
	}
	return 0
}

// fail prints err and returns its exit code.
func fail(err error) int {
	fmt.Fprintf(os.Stderr, "throng: %s\n", result.Printable(err.Error())) // it may say what a server said
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
