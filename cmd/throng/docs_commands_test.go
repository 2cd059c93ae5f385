package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/bench/golden"
	"github.com/throng-chat/throng/server/doctable"
)

// leaves returns the commands that can be run, by their paths. Those of bench are one.
func leaves(node *kong.Node, path string) (names []string) {
	switch {
	case node.Hidden:
		return nil
	case len(node.Children) == 0 || node.Name == "bench":
		return []string{path}
	}
	for _, child := range node.Children {
		names = append(names, leaves(child, path+" "+child.Name)...)
	}
	return names
}

func TestDocsListEveryCommand(t *testing.T) {
	t.Parallel()
	doctable.Same(t, "docs/commands.md", column(t, "commands.md", "Commands", "command"), leaves(newParser(&commands{}).Model.Node, "throng"))
}

// The help of the commands for people is reviewed as it is printed.
func TestHelpOfCommands(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	var help bytes.Buffer
	for _, command := range leaves(newParser(&commands{}).Model.Node, "throng") {
		path := strings.Fields(command)[1:]
		switch path[0] {
		case "serve", "bench", "doctor", "data", "cluster", "version", "help": // their flags are in other pages
			continue
		}
		parser := newParser(&commands{})
		parser.Stdout = &help
		ctx, err := kong.Trace(parser, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := ctx.PrintUsage(false); err != nil {
			t.Fatal(err)
		}
		help.WriteString("\n\n")
	}
	golden.Compare(t, "help", help.Bytes())
}
