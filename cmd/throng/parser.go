package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// newParser returns the parser of a command line. cli is a pointer to its commands: all of them, or those that are needed.
func newParser(cli any) *kong.Kong {
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
