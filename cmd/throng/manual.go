package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd is the command throng man. The page has no date, so that each build of a version has the same page.
type manCmd struct{}

// Run prints the page, for man(1).
func (manCmd) Run(std *streams, k *kong.Kong) error {
	_, err := fmt.Fprint(std.out, manPage(k.Model))
	return err
}

// manPage returns the manual page of the commands, in the macros of man(7).
func manPage(app *kong.Application) string {
	m := &manual{}
	m.macro("TH", "THRONG", "1", "", "throng "+version, "")
	m.macro("SH", "NAME")
	m.text("throng \\- " + roff(strings.ToLower(app.Help[:1])+strings.TrimSuffix(app.Help[1:], ".")))
	m.macro("SH", "SYNOPSIS")
	m.text("\\fBthrong\\fR \\fICOMMAND\\fR [\\fIFLAG\\fR...]")
	m.macro("SH", "COMMANDS")
	m.command(app.Node)
	m.macro("SH", "EXIT STATUS")
	m.text(roff("0 for success, 1 if the command failed, 2 for invalid flags or settings, 3 for an address or a data directory in use, " +
		"4 if the answer of the command is no. throng bench has more."))
	m.macro("SH", "FILES")
	m.text(roff("./throng.toml, ~/.config/throng/throng.toml, /etc/throng/throng.toml: the config file of throng serve is the first that exists."))
	return m.b.String()
}

// manual is the text of a manual page.
type manual struct{ b strings.Builder }

// macro adds a line with a macro. Its arguments are not escaped.
func (mn *manual) macro(name string, args ...string) {
	mn.b.WriteString("." + name)
	for _, arg := range args {
		mn.b.WriteString(` "` + strings.ReplaceAll(arg, `"`, `\(dq`) + `"`)
	}
	mn.b.WriteString("\n")
}

// text adds a line of roff.
func (mn *manual) text(line string) { mn.b.WriteString(line + "\n") }

// item adds a tagged paragraph.
func (mn *manual) item(tag, text string) {
	mn.macro("TP")
	mn.text(tag)
	mn.text(roff(text))
}

// command adds a command with its arguments and flags, and those below it.
func (mn *manual) command(node *kong.Node) {
	if node.Hidden {
		return
	}
	if node.Type == kong.CommandNode && node.Leaf() {
		mn.macro("SS", roff(node.FullPath()))
		mn.text(roff(node.Help))
		if node.Detail != "" {
			mn.macro("PP")
			mn.text(roff(node.Detail))
		}
		for _, arg := range node.Positional {
			mn.item("\\fI"+roff(arg.Summary())+"\\fR", arg.Help)
		}
		for _, flags := range node.AllFlags(true) {
			for _, f := range flags {
				if f.Name != "help" && f.Name != "version" {
					mn.item("\\fB"+roff(f.Summary())+"\\fR", withVariable(f))
				}
			}
		}
	}
	for _, child := range node.Children {
		mn.command(child)
	}
}

// withVariable returns the help of a flag, with its environment variable.
func withVariable(f *kong.Flag) string {
	if len(f.Envs) == 0 {
		return f.Help
	}
	return fmt.Sprintf("%s Environment: %s.", f.Help, strings.Join(f.Envs, ", "))
}

// roff escapes a text of one line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text // no macro
	}
	return text
}
