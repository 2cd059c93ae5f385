package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"
)

// completionScripts make a shell call throng with the line to complete in COMP_LINE. Without a proposal of throng, the shell completes names of
// files.
var completionScripts = map[string]string{
	"bash": `complete -o default -C throng throng
`,
	// A file of fpath is the function itself, and compinit finds it by its first line. Otherwise the script is evaluated.
	"zsh": `#compdef throng
_throng() {
    local -a proposals
    proposals=(${(f)"$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" throng 2>/dev/null)"})
    if (( $#proposals )); then
        compadd -a proposals
    else
        _files
    fi
}
if [[ $funcstack[1] == _throng ]]; then
    _throng "$@"
else
    compdef _throng throng
fi
`,
	"fish": `function __complete_throng
    set -lx COMP_LINE (commandline -cp)
    set -l proposals (throng 2>/dev/null)
    if set -q proposals[1]
        string join \n $proposals
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c throng -f -a "(__complete_throng)"
`,
}

// completionCmd is the command throng completion.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell: bash, zsh or fish."`
}

// Run prints the script of a shell.
func (cm *completionCmd) Run(std *streams) error {
	_, err := fmt.Fprint(std.out, completionScripts[cm.Shell])
	return err
}

// completes prints the proposals for the line that a shell asks about, in COMP_LINE. It returns false if no shell asks.
func completes(cli any) bool {
	if os.Getenv("COMP_LINE") == "" {
		return false
	}
	kongplete.Complete(completingParser(cli), kongplete.WithExitFunc(func(int) {}))
	return true
}

// completingParser returns a parser that knows the values of settings. The parser of a command line does not: the checks of the settings
// reject other values, whatever their source is.
func completingParser(cli any) *kong.Kong {
	parser := newParser(cli)
	for _, f := range serverFlags(parser.Model) {
		if f.Enum == "" {
			f.Enum = f.Tag.Get("oneof")
		}
	}
	return parser
}
