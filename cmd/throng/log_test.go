package main

import (
	"bufio"
	"io"
	"strings"
	"syscall"
	"testing"
)

// logOf starts a server, waits for the first byte of its log, stops it and returns the log.
func logOf(t *testing.T, args ...string) string {
	t.Helper()
	cmd := throng(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "off"}, args...)...)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.Peek(1); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheLogFormatIsSelected(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"auto": `"level":"INFO","msg":"ready"`, "json": `"level":"INFO","msg":"ready"`, "text": " level=INFO msg=ready "} {
		if got := logOf(t, "--log-format", format); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %s", format, got, want)
		}
	}
}

// A server with no way to sign in logs a warning at its start, and information before and after it.
func TestTheLogLevelHidesLines(t *testing.T) {
	t.Parallel()
	const warning, information = "no client can connect", `"msg":"stopped"`
	if got := logOf(t, "--guests", "off"); !strings.Contains(got, warning) || !strings.Contains(got, information) {
		t.Errorf("info: got %q, want both levels", got)
	}
	if got := logOf(t, "--guests", "off", "--log-level", "warn"); !strings.Contains(got, warning) || strings.Contains(got, information) {
		t.Errorf("warn: got %q, want the warning only", got)
	}
}
