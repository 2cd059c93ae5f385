package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withShell skips a test if a shell is missing. It makes throng the first command in PATH, in a directory without other files, and changes to it.
func withShell(t *testing.T, shell string) (dir string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skip(shell + " is missing")
	}
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	script := "#!/bin/sh\n" + asThrong + "=1 exec '" + self + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "throng"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("HOME", dir)
	t.Chdir(dir)
	return dir
}

func TestFishCompletes(t *testing.T) {
	withShell(t, "fish")
	for line, want := range map[string]string{
		"throng to":                 "token",
		"throng token ":             "check inspect make",
		"throng key ecdsa --curve ": "P-256 P-384 P-521",
		"throng serve --config th":  "throng", // a file
	} {
		out, err := exec.Command("fish", "--no-config", "-c", completionScripts["fish"]+"complete -C '"+line+"'").CombinedOutput()
		got := strings.Fields(string(out))
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
}

// zshTypes types lines into an interactive zsh, each with a tab at its end, and waits for the text that the tab must add. $1 is a directory of fpath,
// $2 a command at the start.
const zshTypes = `
zmodload zsh/zpty zsh/datetime
typeset out part
await() {
    local end=$((EPOCHREALTIME + 60))
    while (( EPOCHREALTIME < end )); do
        while zpty -r -t typed part; do out+=$part; done
        [[ $out == *$1* ]] && { out=; return }
        sleep 0.02
    done
    print -r -- "want $1, got ${(qqqq)out}"
    exit 1
}
zpty -b typed zsh -f -i
zpty -w typed "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; $2; print LOAD''ED"
await LOADED
zpty -w -n typed $'throng to\t'
await 'throng token'
zpty -w -n typed $'insp\t'
await inspect
zpty -w -n typed $'\x15throng key ecdsa --curve P-2\t'
await P-256
zpty -w -n typed $'\x15throng serve --config _thr\t'
await _throng
zpty -d typed
`

// The package installs the script as a file of fpath. Users without the package evaluate it.
func TestZshCompletes(t *testing.T) {
	dir := withShell(t, "zsh")
	if err := os.WriteFile(filepath.Join(dir, "_throng"), []byte(completionScripts["zsh"]), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"file of fpath": {dir, ":"},
		"evaluated":     {"/nowhere", `eval "$(throng completion zsh)"`},
	} {
		if out, err := exec.Command("zsh", append([]string{"-f", "-c", zshTypes, "zsh"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestGroffHasNoWarningsAboutTheManual(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is missing")
	}
	page := mustCall(t, "", "man")
	check := exec.Command("groff", "-man", "-ww", "-z", "-Tutf8")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	show := exec.Command("groff", "-man", "-P-c", "-P-b", "-P-u", "-Tutf8")
	show.Stdin = strings.NewReader(page)
	if out, err := show.Output(); err != nil || !strings.Contains(string(out), "--max-message=64KiB") {
		t.Errorf("got %v and %d bytes: a flag with its hyphens is missing, so nobody can search for it", err, len(out))
	}
}
