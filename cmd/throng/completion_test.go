package main

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/willabides/kongplete"
)

// proposals returns what a shell is offered for a line.
func proposals(t *testing.T, line string) []string {
	t.Helper()
	t.Setenv("COMP_LINE", line)
	parser := completingParser(&commands{})
	var out bytes.Buffer
	parser.Stdout = &out
	kongplete.Complete(parser, kongplete.WithExitFunc(func(int) {}))
	return strings.Fields(out.String())
}

func TestCompletionProposesCommandsFlagsAndValues(t *testing.T) {
	for line, want := range map[string]string{
		"throng to":                  "token",
		"throng token ":              "check inspect make",
		"throng key ecdsa --curve ":  "P-256 P-384 P-521",
		"throng token make --sec":    "--secret --secret-file",
		"throng bench broadcast --r": "--rate",
		"throng completion ":         "bash fish zsh",
		"throng serve --guests ":     "auto off on",
	} {
		got := proposals(t, line)
		slices.Sort(got)
		for _, word := range strings.Fields(want) {
			if !slices.Contains(got, word) {
				t.Errorf("%q: got %q, want %q in it", line, got, word)
			}
		}
	}
	if got := proposals(t, "throng bench --fd"); len(got) > 0 {
		t.Errorf("got %q: a hidden flag", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := mustCall(t, "", "completion", shell); !strings.Contains(got, "throng") {
			t.Errorf("%s: got %q", shell, got)
		}
	}
	if c := call(t, "", "completion", "cmd"); c.code() != exitUsage {
		t.Errorf("got %v", c.err)
	}
	bash := exec.Command("bash", "-n") // reads the script from standard input
	bash.Stdin = strings.NewReader(completionScripts["bash"])
	if out, err := bash.CombinedOutput(); err != nil {
		t.Errorf("bash: %v: %s", err, out)
	}
}

func TestTheManualHasEachCommandAndFlag(t *testing.T) {
	t.Parallel()
	page := mustCall(t, "", "man")
	for _, want := range append(leaves(newParser(&commands{}).Model.Node, "throng"), "throng bench chat") {
		if want != "throng bench" && !strings.Contains(page, "\n.SS \""+want+"\"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	for _, want := range []string{`\fB\-\-max\-message=64KiB\fR`, "Environment: THRONG_MAX_MESSAGE.", `\fB\-\-since=OFFSET@EPOCH\fR`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(page, `\-\-fd`) {
		t.Error("it has a hidden flag")
	}
	for line := range strings.Lines(page) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(line, ".") && !slices.Contains([]string{".TH", ".SH", ".SS", ".TP", ".PP"}, name) || strings.HasPrefix(line, "'") {
			t.Errorf("%q is no macro of the page", line)
		}
	}
	if got, want := roff(".a\\b-c\n'"), `\&.a\eb\-c '`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
