package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// called is the outcome of a command that ran in this process.
type called struct {
	out, notes string
	err        error
}

// code returns the exit code.
func (cl *called) code() int {
	if e := (*exitError)(nil); errors.As(cl.err, &e) {
		return e.code
	}
	if cl.err != nil {
		return exitFailed
	}
	return 0
}

// call runs a command line in this process, with a text on its standard input.
func call(t *testing.T, in string, args ...string) *called {
	t.Helper()
	var out, notes bytes.Buffer
	ctx, err := parseArgs(withValues(args))
	if err != nil {
		return &called{err: &exitError{code: exitUsage, err: err}}
	}
	err = ctx.Run(parsing(parseArgs), &streams{in: strings.NewReader(in), out: &out, err: &notes})
	return &called{out.String(), notes.String(), err}
}

// mustCall is call for a command that must succeed. It returns the standard output without the last line break.
func mustCall(t *testing.T, in string, args ...string) string {
	t.Helper()
	c := call(t, in, args...)
	if c.err != nil {
		t.Fatalf("throng %s: %v", strings.Join(args, " "), c.err)
	}
	return strings.TrimSuffix(c.out, "\n")
}

// writeTemp writes a file in a temporary directory and returns its path.
func writeTemp(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
